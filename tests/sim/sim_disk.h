/* The disk below an engine: LMDB's system calls on the two data files go through here.
 *
 * It keeps what a power cut would leave for certain (durable bytes) and what it might (writes not
 * synced yet). tests/crash/disk.h records a whole history, for many images of one life; here a life
 * goes on after each cut, so only the present is kept. One thread. */
#ifndef TESTS_SIM_SIM_DISK_H
#define TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Begin with an empty disk; the files are dir/front/data.mdb and dir/days/data.mdb (borrowed). */
void sim_disk_new(const char *dir);
void sim_disk_free(void);

/* The machine stops at the nth watched call from now: it and all later ones have no effect and
 * fail. 0: it does not. */
void sim_disk_die_at(uint32_t nth);
bool sim_disk_dead(void);

/* Power comes back: the files hold what is durable and any part of the rest, whole writes or torn
 * between sectors. Ends dead. Only while no file is open. */
void sim_disk_power_cut(uint64_t *seed);
/* The process alone has ended: nothing is lost, nothing becomes durable. */
void sim_disk_alive(void);

/* No room: writes that make a file longer fail with ENOSPC, and the file system says so. */
void sim_disk_full(bool full);
/* The nth write or sync from now fails once with EIO and has no effect. 0: none does, none has. */
void sim_disk_fail_at(uint32_t nth);
bool sim_disk_failed(void); /* one has */

/* Of everything written and synced: equal in two equal lives. */
uint64_t sim_disk_digest(void);

#endif
