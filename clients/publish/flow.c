/* The rules are small, their order matters: old answers first, then progress, then refusals. What
 * may already have been counted is never renumbered (unsure_end), what certainly was not always is.
 */
#include "clients/publish/flow.h"

#include <string.h>

#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS   30000
#define PATIENCE_MAX   8 /* times ack_timeout_ms */

void flow_begin(struct flow *f, uint64_t epoch, uint64_t first, uint64_t next, bool resumed)
{
    *f = (struct flow){.window = f->window,
                       .probe_ms = f->probe_ms,
                       .ack_timeout_ms = f->ack_timeout_ms,
                       .probe_id = f->probe_id,
                       .epoch = epoch,
                       .first = first,
                       .send = first,
                       .next = next,
                       .sent_end = resumed ? next : first,
                       .unsure_end = resumed ? next : first,
                       .fence = FLOW_NO_FENCE,
                       .pause_ms = PAUSE_FIRST_MS,
                       .patience_ms = f->ack_timeout_ms};
}

bool flow_may_send(const struct flow *f, int64_t now_ms)
{
    uint64_t window = f->careful ? 1 : f->window;
    return f->send < f->next && f->send < f->fence && f->send - f->first < window &&
           now_ms >= f->pause_until_ms;
}

void flow_sent(struct flow *f, int64_t now_ms)
{
    if (f->send == f->first) {
        f->progress_ms = now_ms;
        f->heard_ms = now_ms;
    }
    f->send++;
    if (f->sent_end < f->send)
        f->sent_end = f->send;
}

static struct flow_result rewind_to_first(struct flow *f, enum flow_verdict verdict,
                                          uint64_t expected, int64_t now_ms)
{
    f->send = f->first;
    f->rewound_to = expected;
    f->progress_ms = now_ms;
    return (struct flow_result){.verdict = verdict};
}

/* Everything sent so far may have been counted: nothing of it may be renumbered. */
static void doubt_all(struct flow *f)
{
    f->unsure_end = f->sent_end;
}

static struct flow_result new_epoch(const struct flow *f, enum daybook_lost_why why,
                                    uint64_t lost_from, uint64_t lost_end, uint64_t above)
{
    uint64_t keep_from = lost_end > f->first ? lost_end : f->first;
    return (struct flow_result){.verdict = FLOW_EPOCH,
                                .cut = {.why = why,
                                        .lost_from = lost_from,
                                        .lost_end = lost_end,
                                        .keep_from = keep_from,
                                        .epoch_min = above + 1}};
}

/* A newer epoch is in force. Batches below `answered` were sent before the refusal and not
 * answered: they may have been counted before the fence went up. */
static struct flow_result stale(struct flow *f, uint64_t answered, uint64_t current)
{
    if (f->unsure_end < answered)
        f->unsure_end = answered;
    uint64_t lost_end = f->unsure_end > f->first ? f->unsure_end : f->first;
    uint64_t above = current > f->epoch ? current : f->epoch;
    return new_epoch(f, DAYBOOK_LOST_STALE_EPOCH, f->first, lost_end, above);
}

static struct flow_result wait_for(struct flow *f, uint64_t seq, uint64_t wait_ms, int64_t now_ms)
{
    /* Others in flight behind it are refused as well: the first refusal is the one that counts. */
    if (f->rewound_to >= f->first && seq > f->rewound_to)
        return (struct flow_result){.verdict = FLOW_STALE};
    int64_t pause_ms = wait_ms > 0 && wait_ms < PAUSE_MAX_MS ? (int64_t)wait_ms : f->pause_ms;
    if (wait_ms == 0 && f->pause_ms < PAUSE_MAX_MS)
        f->pause_ms *= 2;
    f->pause_until_ms = now_ms + pause_ms;
    f->careful = true;
    return rewind_to_first(f, FLOW_WAIT, seq, now_ms);
}

static struct flow_result gap(struct flow *f, uint64_t seq, uint64_t expected, int64_t now_ms)
{
    struct flow_result nothing = {.verdict = FLOW_STALE, .gap = true};
    if (expected == f->rewound_to || expected > seq)
        return nothing;
    if (expected < f->first) {
        /* The engine wants what it has acknowledged before. A late answer could say so, too;
         * only the cursor, asked now, can prove it. */
        f->behind = true;
        f->probe_wanted = true;
        return nothing;
    }
    if (f->unsure_end < expected)
        f->unsure_end = expected; /* those below it were counted, their answers are lost */
    struct flow_result r = rewind_to_first(f, FLOW_REWIND, expected, now_ms);
    r.gap = true;
    return r;
}

static struct flow_result refusal(struct flow *f, const struct answer *a, int64_t now_ms)
{
    if (strcmp(a->code, "stale_epoch") == 0)
        return stale(f, a->seq, a->current_epoch);
    if (strcmp(a->code, "gap") == 0 && a->has_expected_seq)
        return gap(f, a->seq, a->expected_seq, now_ms);
    if (a->retry)
        return wait_for(f, a->seq, a->retry_after_ms, now_ms);
    /* Refused for good and yet expected again: the cursor stayed, so the batch must, too. It is
     * tried again until somebody has mended what is wrong, a missing right for example. */
    if (a->has_expected_seq && a->expected_seq <= a->seq)
        return wait_for(f, a->seq, 0, now_ms);
    return (struct flow_result){.verdict = FLOW_REFUSED, .through = a->seq};
}

static struct flow_result probe_answer(struct flow *f, const struct answer *a, int64_t now_ms)
{
    f->probe_out = false;
    f->cursor_known = a->ok && a->has_epoch && a->has_seq;
    f->cursor_epoch = a->epoch;
    f->cursor_seq = a->seq;
    if (f->cursor_known && a->epoch > f->epoch && f->next > f->first)
        return stale(f, f->sent_end, a->epoch);
    uint64_t expected = a->epoch == f->epoch ? a->seq + 1 : 1;
    if (f->cursor_known && f->behind && expected < f->first) {
        f->behind = false;
        return new_epoch(f, DAYBOOK_LOST_BY_ENGINE, expected, f->first, f->epoch);
    }
    f->behind = false;
    if (f->first >= f->probe_send)
        return (struct flow_result){.verdict = FLOW_NOTHING};
    /* Sent before the question and not answered before its answer: lost on the way. */
    doubt_all(f);
    return rewind_to_first(f, FLOW_REWIND, f->first, now_ms);
}

/* A refusal that names no batch. Sent alone, a batch can be told by it. */
static struct flow_result unnumbered(struct flow *f, const struct answer *a, int64_t now_ms)
{
    if (a->ok || a->retry || f->send == f->first)
        return (struct flow_result){.verdict = FLOW_BAD};
    if (f->alone && f->send == f->first + 1)
        return new_epoch(f, DAYBOOK_LOST_UNREADABLE, f->first, f->first + 1, f->epoch);
    if (f->alone)
        return (struct flow_result){.verdict = FLOW_STALE};
    f->alone = true;
    doubt_all(f);
    struct flow_result r = wait_for(f, f->first, 0, now_ms);
    return r;
}

struct flow_result flow_answer(struct flow *f, const struct answer *a, int64_t now_ms)
{
    f->heard_ms = now_ms;
    f->patience_ms = f->ack_timeout_ms;
    if (a->has_request)
        return f->probe_out && a->request == f->probe_id
                   ? probe_answer(f, a, now_ms)
                   : (struct flow_result){.verdict = FLOW_STALE};
    if (!a->has_seq || !a->has_epoch)
        return unnumbered(f, a, now_ms);
    if (a->epoch != f->epoch || a->seq < f->first)
        return (struct flow_result){.verdict = FLOW_STALE};
    if (a->seq >= f->sent_end)
        return (struct flow_result){.verdict = FLOW_BAD};
    if (!a->ok)
        return refusal(f, a, now_ms);
    return (struct flow_result){.verdict = FLOW_TAKEN, .through = a->seq};
}

void flow_settle(struct flow *f, uint64_t through, int64_t now_ms)
{
    f->first = through + 1;
    if (f->send < f->first)
        f->send = f->first; /* an earlier copy was answered while we were going back */
    f->careful = false;
    f->alone = false;
    f->pause_ms = PAUSE_FIRST_MS;
    f->progress_ms = now_ms;
}

enum flow_due flow_timer(struct flow *f, int64_t now_ms)
{
    bool in_flight = f->send > f->first;
    if ((in_flight || f->probe_out) && now_ms - f->heard_ms >= f->patience_ms) {
        f->probe_out = false;
        f->heard_ms = now_ms;
        if (f->patience_ms < PATIENCE_MAX * f->ack_timeout_ms)
            f->patience_ms *= 2;
        if (!in_flight)
            return FLOW_PROBE;
        doubt_all(f);
        (void)rewind_to_first(f, FLOW_REWIND, f->first, now_ms);
        return FLOW_RESEND;
    }
    if (!f->probe_out && (f->probe_wanted || (in_flight && now_ms - f->progress_ms >= f->probe_ms)))
        return FLOW_PROBE;
    return FLOW_IDLE;
}

uint64_t flow_probed(struct flow *f, int64_t now_ms)
{
    if (f->send == f->first)
        f->heard_ms = now_ms; /* nothing else in flight: the silence begins now */
    f->probe_wanted = false;
    f->probe_out = true;
    f->probe_send = f->send;
    f->cursor_known = false;
    return ++f->probe_id;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int64_t until(int64_t at_ms, int64_t now_ms)
{
    return at_ms > now_ms ? at_ms - now_ms : 0;
}

int64_t flow_wait_ms(const struct flow *f, int64_t now_ms)
{
    int64_t wait_ms = f->probe_wanted && !f->probe_out ? 0 : -1;
    bool in_flight = f->send > f->first;
    if (f->pause_until_ms > now_ms && f->send < f->next)
        wait_ms = sooner(wait_ms, until(f->pause_until_ms, now_ms));
    if (in_flight && !f->probe_out)
        wait_ms = sooner(wait_ms, until(f->progress_ms + f->probe_ms, now_ms));
    if (in_flight || f->probe_out)
        wait_ms = sooner(wait_ms, until(f->heard_ms + f->patience_ms, now_ms));
    return wait_ms;
}
