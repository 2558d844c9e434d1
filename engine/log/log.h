/* The log: the ordered, durable sequence of accepted batches.
 *
 * A position is the running number of an event: an entry (one batch) takes as many positions as it
 * has events, and an event's position never changes. A group of entries is appended at once and is
 * durable when the transaction that appended it is; it is stored and trimmed in blocks. Each entry
 * keeps its frame as it came and which of its events were accepted, so that reading it back judges
 * nothing again.
 *
 * Positions are handed out here and nowhere else. The last block is never trimmed, so the log
 * always knows where it ends. What the log is made of is nobody's business above this folder. */
#ifndef ENGINE_LOG_LOG_H
#define ENGINE_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/bytes.h"
#include "engine/store/store.h"

/* The first position of a new log: 0 is before everything. */
#define LOG_FIRST 1

/* One batch, to append or as read back. */
struct log_entry {
    uint64_t position; /* of its first event; set by log_append */
    int64_t received_ms;
    uint32_t n;             /* events, at least 1 */
    uint32_t faults_n;      /* events that were not accepted */
    const uint8_t *verdict; /* append: n verdicts, 0 = accepted; unused when faults_n is 0 */
    struct reader faults;   /* read: see log_verdicts */
    struct str frame;       /* borrowed; read: from the transaction */
};

struct log_range {
    uint64_t first; /* first position kept */
    uint64_t end;   /* first position not yet taken; first == end: nothing was ever appended */
    uint64_t bytes; /* of frames ever appended */
};

/* Where the log begins and ends. False: it cannot be read (t has failed, ST_CORRUPT). */
bool log_range(struct txn *t, unsigned table, struct log_range *out);

/* Writing moves *range, which log_range has filled in the same transaction. */

/* Append entries as one group and give them their positions; returns in how many blocks. Fails t:
 * sticky, see txn_commit. Cost: one copy and one hash of the frames. */
uint32_t log_append(struct txn *t, unsigned table, struct log_range *range,
                    struct log_entry *entries, uint32_t entries_n);

/* Drop blocks that lie wholly below `below`, oldest first, at most blocks_max, never the last one.
 * Returns how many. */
uint32_t log_trim(struct txn *t, unsigned table, struct log_range *range, uint64_t below,
                  uint32_t blocks_max);

/* A reader lives inside one transaction. */
struct log_reader {
    struct cur cur;
    struct reader at;      /* rest of the current block */
    uint32_t left;         /* entries of the current block still to come */
    uint64_t position;     /* of the next entry */
    uint64_t block_end;    /* first position after the current block */
    uint64_t from;         /* entries below it are skipped */
    int64_t received_ms;   /* of the entry before */
    uint64_t bytes_before; /* frame bytes appended before the current block */
    char why[160]; /* when the transaction failed with ST_CORRUPT: what is wrong, and where */
};

/* Read from the entry at `from` on (which must be kept, or the end). */
void log_read(struct txn *t, unsigned table, uint64_t from, struct log_reader *out);

/* The next entry, in order. False: at the end, or t has failed (ST_CORRUPT: r->why). Each block is
 * checked against its checksum before its first entry is handed out. */
bool log_next(struct log_reader *r, struct log_entry *out);
void log_read_end(struct log_reader *r);

/* Fill verdict[0..n): 0 = accepted, 1 = not. False: the entry is corrupt. */
bool log_verdicts(const struct log_entry *e, uint8_t *verdict);

#endif
