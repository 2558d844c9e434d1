/* What to send and when, and what an answer means: the publisher's half of WIRE 2 without sockets,
 * files or clocks.
 *
 *   first          send             next
 *     |  in flight  |  waiting       |        numbers of batches in the outbox
 *
 * Answers to one peer come in the order of its messages, so an answer about a batch also settles
 * the ones before it. Sending goes back ("rewind") to `first` when the engine says that it misses a
 * batch: once for each expected_seq, however many batches behind it are answered the same way. */
#ifndef CLIENTS_PUBLISH_FLOW_H
#define CLIENTS_PUBLISH_FLOW_H

#include "clients/publish/answer.h"

#define FLOW_NO_FENCE UINT64_MAX

struct flow {
    /* Set at open. */
    uint32_t window;
    int64_t probe_ms;       /* no progress for so long: ask for the cursor */
    int64_t ack_timeout_ms; /* no answer for so long: resend */

    /* Numbers; first <= send <= next. */
    uint64_t epoch;
    uint64_t first;      /* oldest batch not settled */
    uint64_t send;       /* next to send */
    uint64_t next;       /* next to be given */
    uint64_t sent_end;   /* one above the highest ever sent in this epoch */
    uint64_t unsure_end; /* below it: may have been counted without our knowing */
    uint64_t fence;      /* from here on a new epoch is needed; FLOW_NO_FENCE: none */
    uint64_t rewound_to; /* expected_seq of the last rewind; 0: none */
    bool careful;        /* after a refusal: one batch in flight until it is taken */
    bool alone;          /* an unnumbered refusal came: find out whose it is */

    /* Instants of the monotonic clock, in ms. */
    int64_t pause_until_ms;
    int64_t pause_ms;    /* next wait when the engine names none */
    int64_t progress_ms; /* `first` moved, or sending began anew */
    int64_t heard_ms;    /* the last answer */
    int64_t patience_ms; /* ack_timeout_ms, doubled by each silence */

    /* The question for the cursor. */
    bool probe_wanted;
    bool probe_out;
    uint64_t probe_id;   /* request number of the last one */
    uint64_t probe_send; /* `send` when it was asked */
    bool behind;         /* a gap below `first` waits for the cursor to confirm it */
    bool cursor_known;   /* the last probe was answered with a cursor */
    uint64_t cursor_epoch;
    uint64_t cursor_seq;
};

enum flow_verdict {
    FLOW_NOTHING,
    FLOW_BAD,     /* not an answer to anything of ours */
    FLOW_STALE,   /* about a batch or an epoch that is settled */
    FLOW_TAKEN,   /* batches up to `through` are settled; the answer is that of `through` */
    FLOW_REFUSED, /* the same, and `through` was refused for good */
    FLOW_REWIND,  /* sending has gone back to `first` */
    FLOW_WAIT,    /* the same, after the pause that the engine asked for */
    FLOW_EPOCH    /* a new epoch must be begun: see struct flow_break */
};

/* Why and how to begin a new epoch: batches lost_from..lost_end-1 are told to the caller, those
 * from keep_from on are renumbered; the new epoch is at least epoch_min. */
struct flow_break {
    enum daybook_lost_why why;
    uint64_t lost_from, lost_end;
    uint64_t keep_from;
    uint64_t epoch_min;
};

struct flow_result {
    enum flow_verdict verdict;
    bool gap;              /* the answer was "gap" */
    uint64_t through;      /* TAKEN, REFUSED */
    struct flow_break cut; /* EPOCH */
};

enum flow_due { FLOW_IDLE, FLOW_PROBE, FLOW_RESEND };

/* Begin an epoch with batches first..next-1 in the outbox. `resumed`: another process may have sent
 * them before. */
void flow_begin(struct flow *f, uint64_t epoch, uint64_t first, uint64_t next, bool resumed);

/* May batch `send` go out now? */
bool flow_may_send(const struct flow *f, int64_t now_ms);
void flow_sent(struct flow *f, int64_t now_ms);

/* Judge an answer. TAKEN and REFUSED do not move `first`: flow_settle does, after the caller has
 * reported the batches. */
struct flow_result flow_answer(struct flow *f, const struct answer *a, int64_t now_ms);
void flow_settle(struct flow *f, uint64_t through, int64_t now_ms);

/* What has become due. PROBE: call flow_probed when the question was sent. RESEND: sending has gone
 * back already. */
enum flow_due flow_timer(struct flow *f, int64_t now_ms);
uint64_t flow_probed(struct flow *f, int64_t now_ms); /* the request number to ask with */

/* ms until flow_timer or flow_may_send can change by time alone; negative: never. */
int64_t flow_wait_ms(const struct flow *f, int64_t now_ms);

#endif
