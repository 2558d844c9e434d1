/* The order of judgement: sequence first (a duplicate or a gap is not looked into), then the body
 * as a whole, then each event. A body that is refused for good still consumes its sequence, or one
 * bad batch would block its producer for ever. */
#include "engine/ingest/judge.h"

#include "engine/base/check.h"
#include "engine/ingest/raw.h"

#define CURSOR_SWEEP_ROWS 4
#define FAULT_DAYS        35         /* kept, a little longer than answers reach */
#define IDENTITY_ACCOUNT  UINT64_MAX /* no event's: the ids of whole batches in the id window */

void judge_load(struct judge *j, struct txn *t)
{
    counters_load(t, &j->counters);
    j->before = j->counters;
    ledger_forget(&j->ledger);
}

void judge_begin(struct judge *j, struct txn *t, struct group *g)
{
    j->before = j->counters;
    faults_begin(&j->faults);
    g->id_window_n = id_window_begin(&j->ids, t);
}

/* ---- what is counted and kept ---- */

static void keep_rejected(struct judge *j, struct txn *t, const struct slot *s,
                          const struct reject *r, struct str raw)
{
    struct ingest_rejected row = {
        .received_ms = s->received_ms,
        .transport = s->transport,
        .code = r->code,
        .key_name = s->key_name,
        .producer = s->batch.producer,
        .message = r->message.n > 0 ? r->message : str_of(status_row(r->code)->text),
        .raw = raw,
    };

    if (s->batch.status == ST_OK && s->batch.ev[r->index].account != 0) {
        row.has_account = true;
        row.account = s->batch.ev[r->index].account;
        row.app = s->batch.ev[r->index].app;
    }
    rejected_add(&j->rejected, t, &row);
}

/* Every rejected event with its own bytes; both lists ascend, so one walk over the frame finds
 * them. */
static void keep_rejects(struct judge *j, struct txn *t, const struct slot *s)
{
    struct raw_walk walk;
    struct str raw = {0};
    uint32_t walked = 0;

    if (s->batch.rejects_n == 0)
        return;
    raw_walk_begin(s->frame, &walk);
    for (uint32_t i = 0; i < s->batch.rejects_n; i++) {
        const struct reject *r = &s->batch.rejects[i];
        bool on = true;

        for (; on && walked <= r->index; walked++)
            on = raw_walk_next(&walk, &raw);
        keep_rejected(j, t, s, r, on ? raw : (struct str){0});
    }
}

static struct tally tally_of(const struct slot *s)
{
    return (struct tally){.day = day_of_ms(s->received_ms), .transport = s->transport};
}

static void add_fault(struct judge *j, const struct slot *s, uint64_t account, uint32_t duplicate,
                      uint32_t rejected)
{
    faults_add(&j->faults, &(struct fault){.account = account,
                                           .day = day_of_ms(s->received_ms),
                                           .duplicate = duplicate,
                                           .rejected = rejected});
}

/* Whose event it was. Nobody may write into the books of an account outside its scope. */
static uint64_t fault_account(const struct batch *b, uint32_t i)
{
    return b->verdict[i] == ST_FORBIDDEN ? 0 : b->ev[i].account;
}

static void add_duplicates(struct judge *j, const struct slot *s)
{
    const struct batch *b = &s->batch;

    if (b->status != ST_OK) {
        add_fault(j, s, 0, b->n, 0); /* it was refused as a whole, and has no events */
        return;
    }
    for (uint32_t i = 0; i < b->n; i++)
        add_fault(j, s, fault_account(b, i), 1, 0);
}

/* The batch as a whole is refused, for good or for now. An unreadable frame counts as one event. A
 * row is kept when there is a transaction to keep it in. */
static void count_refusal(struct judge *j, struct txn *t, const struct slot *s)
{
    const struct reject whole = {.code = s->outcome.status, .message = s->outcome.message};
    struct tally tally = tally_of(s);

    switch ((int)s->outcome.status) {
    case ST_MALFORMED:
        tally.rejected[ST_MALFORMED] = 1;
        add_fault(j, s, 0, 0, 1);
        counters_batch(&j->counters, &tally);
        if (t != NULL)
            keep_rejected(j, t, s, &whole, s->frame);
        break;
    case ST_TOO_LARGE:
    case ST_INVALID:
        counters_refused(&j->counters, s->outcome.status);
        if (t != NULL)
            keep_rejected(j, t, s, &whole, s->frame);
        break;
    default:
        counters_refused(&j->counters, s->outcome.status);
        break;
    }
}

/* A PUSH peer will not send it again. */
static void count_push_lost(struct judge *j, const struct slot *s)
{
    if (s->transport == INGEST_PUSH && status_row(s->outcome.status)->retry)
        counters_push_lost(&j->counters, s->batch.n);
}

static void count_unknown(struct judge *j, const struct batch *b)
{
    for (uint32_t i = 0; i < b->unknown_n; i++)
        counters_unknown(&j->counters, b->unknown[i].name, b->unknown[i].n);
}

/* ---- sequence ---- */

static void answer_duplicate(struct judge *j, struct slot *s)
{
    struct tally tally = tally_of(s);

    tally.duplicate = s->batch.n;
    s->outcome = (struct outcome){.status = ST_DUPLICATE, .duplicate = s->batch.n};
    counters_batch(&j->counters, &tally);
    add_duplicates(j, s);
}

static void refuse_gap(struct group *g, struct slot *s, const struct cursor *c)
{
    uint64_t expected = cursor_expected(c, s->batch.epoch);

    slot_refuse(s, ST_GAP,
                group_text(g, "seq is %llu; %llu is the next of this producer",
                           (unsigned long long)s->batch.seq, (unsigned long long)expected));
    s->outcome.has_expected_seq = true;
    s->outcome.expected_seq = expected;
}

static void refuse_stale(struct judge *j, struct txn *t, struct group *g, struct slot *s,
                         const struct cursor *c)
{
    slot_refuse(s, ST_STALE_EPOCH,
                group_text(g, "epoch is %llu; %llu of this producer has been seen",
                           (unsigned long long)s->batch.epoch, (unsigned long long)c->epoch));
    s->outcome.has_current_epoch = true;
    s->outcome.current_epoch = c->epoch;
    count_refusal(j, t, s);
}

/* True: the batch is the producer's next. Else the outcome stands. */
static bool judge_sequence(struct judge *j, struct txn *t, struct group *g, struct slot *s,
                           const struct cursor *c)
{
    switch (cursor_judge(c, s->batch.epoch, s->batch.seq, s->digest)) {
    case CURSOR_APPLY:
        return true;
    case CURSOR_DUPLICATE:
        answer_duplicate(j, s);
        return false;
    case CURSOR_CONFLICT:
        slot_refuse(s, ST_CONFLICT,
                    group_text(g, "seq %llu has been counted with other content",
                               (unsigned long long)s->batch.seq));
        count_refusal(j, t, s);
        return false;
    case CURSOR_GAP:
        refuse_gap(g, s, c);
        count_refusal(j, t, s);
        return false;
    case CURSOR_STALE:
        refuse_stale(j, t, g, s, c);
        return false;
    }
    CHECK(false);
    return false;
}

/* An envelope without seq and with empty events asks for the cursor. */
static bool asks_cursor(const struct batch *b)
{
    return b->has_envelope && !b->seq_given && b->status == ST_OK && b->n == 0 &&
           b->producer.p != NULL;
}

static void answer_cursor(struct txn *t, struct slot *s)
{
    struct cursor c;

    (void)cursor_get(t, s->key_name, s->batch.producer, &c); /* never seen: epoch 0, seq 0 */
    s->outcome = (struct outcome){.status = ST_OK, .cursor = true, .epoch = c.epoch, .seq = c.seq};
}

/* ---- body ---- */

static void judge_id(struct judge *j, struct txn *t, struct group *g, struct slot *s, uint32_t i)
{
    const struct event *e = &s->batch.ev[i];
    enum status st = id_window_add(&j->ids, t, e->account, e->more->id_hash, s->received_ms);

    if (st == ST_DUPLICATE)
        s->batch.verdict[i] = ST_DUPLICATE;
    else if (st != ST_OK)
        slot_reject(g, s, i, st, (struct str){0});
}

static void judge_events(struct judge *j, struct txn *t, struct group *g, struct slot *s)
{
    struct batch *b = &s->batch;
    struct tally tally = tally_of(s);
    struct ledger_sum sum;

    for (uint32_t i = 0; s->has_ids && i < b->n; i++)
        if (b->verdict[i] == 0 && b->ev[i].has_id)
            judge_id(j, t, g, s, i);
    sum = ledger_add(&j->ledger, t, b, tally.day);
    tally.accepted = sum.accepted;
    tally.late = sum.late;
    for (uint32_t i = 0; sum.accepted < b->n && i < b->n; i++) {
        bool duplicate = b->verdict[i] == ST_DUPLICATE;

        if (b->verdict[i] == ST_OK)
            continue;
        if (duplicate)
            tally.duplicate++;
        else
            tally.rejected[b->verdict[i]]++;
        add_fault(j, s, fault_account(b, i), duplicate, !duplicate);
    }
    keep_rejects(j, t, s);
    counters_batch(&j->counters, &tally);
    count_unknown(j, b);
    s->stored = sum.accepted > 0;
    s->outcome = (struct outcome){
        .status = ST_OK,
        .accepted = sum.accepted,
        .duplicate = tally.duplicate,
        .rejected = b->n - sum.accepted - tally.duplicate,
    };
}

static bool may_add_producer(struct judge *j, struct txn *t, struct group *g, struct slot *s)
{
    if (cursor_count(t, s->key_name) < j->producers_max)
        return true;
    slot_refuse(s, ST_LIMIT,
                group_text(g, "the key has %u producers; no more are allowed", j->producers_max));
    count_refusal(j, t, s);
    return false;
}

static void judge_body(struct judge *j, struct txn *t, struct group *g, struct slot *s)
{
    if (s->batch.status == ST_OK) {
        judge_events(j, t, g, s);
    } else {
        slot_refuse(s, s->batch.status, s->batch.message);
        count_refusal(j, t, s);
    }
}

static void judge_numbered(struct judge *j, struct txn *t, struct group *g, struct slot *s)
{
    struct cursor c;
    bool known = cursor_get(t, s->key_name, s->batch.producer, &c);

    if (!judge_sequence(j, t, g, s, &c) || (!known && !may_add_producer(j, t, g, s)))
        return;
    judge_body(j, t, g, s);
    if (status_row(s->outcome.status)->retry)
        return; /* not for good: the same batch may come again */
    c = (struct cursor){
        .epoch = s->batch.epoch,
        .seq = s->batch.seq,
        .digest = s->digest,
        .used_day = day_of_ms(s->received_ms),
    };
    cursor_put(t, s->key_name, s->batch.producer, &c, !known);
}

/* The rows of a batch's identity: one of its key, one of key and content together. */
static void identity_rows(const struct slot *s, struct hash128 rows[static 2])
{
    uint64_t words[6] = {0};
    struct hash128 key_name = hash128(s->key_name.n > 0 ? s->key_name.p : "", s->key_name.n);

    words[0] = key_name.lo;
    words[1] = key_name.hi;
    words[2] = s->identity.lo;
    words[3] = s->identity.hi;
    rows[0] = hash128(words, sizeof(words));
    words[4] = s->content.lo;
    words[5] = s->content.hi;
    rows[1] = hash128(words, sizeof(words));
}

static void judge_identified(struct judge *j, struct txn *t, struct group *g, struct slot *s)
{
    struct hash128 rows[2];
    int64_t now_ms = s->received_ms;

    identity_rows(s, rows);
    if (id_window_has(t, IDENTITY_ACCOUNT, rows[0], now_ms)) {
        if (id_window_has(t, IDENTITY_ACCOUNT, rows[1], now_ms)) {
            answer_duplicate(j, s);
            return;
        }
        slot_refuse(s, ST_CONFLICT,
                    STR("the idempotency key has been used for a batch of other content"));
        count_refusal(j, t, s);
        return;
    }
    if (j->ids.room < 2) {
        slot_refuse(s, ST_DEDUPE_FULL, (struct str){0});
        count_refusal(j, t, s);
        return;
    }
    j->ids.room -= 2; /* kept from the events' own ids */
    judge_body(j, t, g, s);
    j->ids.room += 2;
    if (s->outcome.status != ST_OK || (s->batch.n > 0 && s->outcome.rejected == s->batch.n))
        return; /* nothing was counted: it may come again, mended */
    for (unsigned i = 0; i < 2; i++)
        if (id_window_add(&j->ids, t, IDENTITY_ACCOUNT, rows[i], now_ms) != ST_OK)
            txn_fail(t, ST_INTERNAL); /* there was room, and it was not there */
}

/* A refusal for now says where the producer stands, so that it need not wait for a gap to learn it;
 * what comes behind the batch that was found busy is such a gap. */
static void say_expected(struct txn *t, struct group *g, struct slot *s)
{
    struct cursor c;

    if (!s->batch.has_seq || !status_row(s->outcome.status)->retry)
        return;
    (void)cursor_get(t, s->key_name, s->batch.producer, &c); /* never seen: 1 is expected */
    if (s->batch.epoch < c.epoch)
        return;
    s->outcome.has_expected_seq = true;
    s->outcome.expected_seq = cursor_expected(&c, s->batch.epoch);
    if (s->outcome.status == ST_BUSY && s->batch.seq > s->outcome.expected_seq)
        refuse_gap(g, s, &c);
}

void judge_slot(struct judge *j, struct txn *t, struct group *g, struct slot *s)
{
    if (!s->judge) {
        say_expected(t, g, s);
        count_refusal(j, t, s);
        count_push_lost(j, s);
    } else if (s->batch.has_seq) {
        judge_numbered(j, t, g, s);
    } else if (asks_cursor(&s->batch)) {
        answer_cursor(t, s);
    } else if (s->has_identity) {
        judge_identified(j, t, g, s);
    } else {
        judge_body(j, t, g, s);
    }
}

void judge_end(struct judge *j, struct txn *t, struct group *g, int64_t now_ms)
{
    int32_t today = day_of_ms(now_ms);

    ledger_store(&j->ledger, t);
    counters_store(t, &j->counters);
    faults_store(&j->faults, t, g->clock_known ? today - FAULT_DAYS : 0);
    if (g->clock_known) { /* refusals are committed too, and nothing expires by a wrong clock */
        ledger_trim(t, today);
        id_window_sweep(&j->ids, t, now_ms);
        cursor_sweep(t, &j->swept, today - (int32_t)j->idle_days, CURSOR_SWEEP_ROWS);
    }
    g->rejected_n = rejected_trim(&j->rejected, t);
}

void judge_done(struct judge *j)
{
    rejected_end(&j->rejected, false);
    faults_done(&j->faults);
}

/* What the failed commit did not store is refused; what the loop had refused before stays so, but
 * where its producer stands could not be read, or was about to change. */
void judge_undo(struct judge *j, struct group *g, enum status why)
{
    j->counters = j->before;
    ledger_forget(&j->ledger);
    rejected_end(&j->rejected, true);
    faults_undo(&j->faults);
    for (struct slot *s = g->first; s != NULL; s = s->next) {
        if (s->judge || s->outcome.status == ST_GAP) /* a gap has to say where to go on */
            slot_refuse(s, why, (struct str){0});
        s->outcome.has_expected_seq = false;
        count_refusal(j, NULL, s);
        count_push_lost(j, s);
    }
}
