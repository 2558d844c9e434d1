/* The clock gate: may the wall clock be believed?
 *
 * Retention deletes by the wall clock, so a wrong one would delete what is still wanted. The wall
 * clock is compared with the time that has passed since it was last believed (CLOCK_BOOTTIME within
 * a boot). After a jump that the passed time does not explain the gate is tripped: nothing is
 * deleted and batches are refused until the clock is back, the jump has stood for 48 hours, or the
 * operator accepts it. Pure: no clock is read here. */
#ifndef ENGINE_INGEST_CLOCK_GATE_H
#define ENGINE_INGEST_CLOCK_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/clock.h"
#include "engine/base/text.h"

#define GATE_FORWARD_MS        INT64_C(90000000) /* 25 h: more than a day, so a wrong zone passes */
#define GATE_BACK_MS           INT64_C(300000)   /* 5 min */
#define GATE_FORWARD_REBOOT_MS (30 * MS_PER_DAY) /* the machine may have been off for so long */
#define GATE_ACCEPT_AFTER_MS   (2 * MS_PER_DAY)  /* a jump that stands so long is believed */

/* A moment at which the wall clock was believed; stored with every commit. */
struct clock_mark {
    int64_t wall_ms;
    int64_t boot_ms;     /* CLOCK_BOOTTIME then */
    uint8_t boot_id[16]; /* of the boot it belongs to */
};

struct clock_gate {
    struct clock_mark mark;  /* last believed moment; boot_ms of this boot */
    int64_t forward_ms_max;  /* what the next step may jump forward */
    int64_t tripped_boot_ms; /* since when it is tripped */
    bool tripped;
};

/* Start from the mark stored last; NULL: there is none, `now` is believed. accept: `now` is
 * believed whatever the mark says. */
void clock_gate_init(struct clock_gate *g, const struct clock_mark *stored, const struct clock *now,
                     const uint8_t boot_id[16], bool accept);

/* Judge the clock of a turn. True: believed, and the mark moves on. */
bool clock_gate_step(struct clock_gate *g, const struct clock *now);

/* Believe `now` from here on (the operator said so). */
void clock_gate_accept(struct clock_gate *g, const struct clock *now);

/* How far the wall clock is from what is expected, in ms; positive: ahead. */
int64_t clock_gate_drift_ms(const struct clock_gate *g, const struct clock *now);

/* The id of this boot from /proc/sys/kernel/random/boot_id; zeros when it cannot be read. */
void boot_id_read(uint8_t out[16]);

#endif
