#include "tests/sim/model.h"

#include "engine/base/check.h"

const uint64_t account_numbers[ACCOUNTS] = {1, 2, 257, 40};
const char *const type_names[TYPES] = {"contacts", "deals"};
const char *const action_names[ACTIONS] = {"created", "updated", "deleted"};

/* How far a clock may be set back and still be believed; ids are unsure for so much longer. */
#define BACK_MS (15 * 60 * INT64_C(1000))

int32_t model_day(int64_t ms)
{
    return (int32_t)(ms / DAY_MS);
}

int32_t model_first_visible(const struct model *m, int64_t now_ms)
{
    int32_t first = model_day(now_ms) - (VISIBLE - 1);

    return first > m->floor_day ? first : m->floor_day;
}

/* ---- ids ---- */

/* When the id was counted last; -1: never. */
static int64_t last_counted(const struct model *m, const struct sim_event *e)
{
    for (uint32_t i = m->s.ids_n; i-- > 0;)
        if (m->id[i].account == e->account && m->id[i].id == e->id)
            return m->id[i].received_ms;
    return -1;
}

static bool is_unsure(const struct model *m, int64_t age_ms)
{
    return age_ms > m->id_hours * HOUR_MS - BACK_MS &&
           age_ms < (m->id_hours + 1) * HOUR_MS + BACK_MS;
}

bool model_unsure(const struct model *m, const struct sim_batch *b, int64_t received_ms)
{
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t at = b->ev[i].id != 0 ? last_counted(m, &b->ev[i]) : -1;
        if (at >= 0 && is_unsure(m, received_ms - at))
            return true;
    }
    return false;
}

bool model_unsure_after(const struct model *m, const struct sim_batch *b, int64_t received_ms,
                        const struct submission *s)
{
    for (uint32_t i = 0; i < b->n; i++)
        for (uint32_t k = 0; k < s->batch->n; k++)
            if (b->ev[i].id != 0 && b->ev[i].id == s->batch->ev[k].id &&
                received_ms - s->received_ms > m->id_hours * HOUR_MS - BACK_MS)
                return true;
    return false;
}

static bool is_known_id(struct model *m, const struct sim_event *e, int64_t received_ms)
{
    int64_t at = last_counted(m, e);

    if (at >= 0 && received_ms - at < m->id_hours * HOUR_MS)
        return true;
    CHECK(m->s.ids_n < IDS_MAX);
    m->id[m->s.ids_n].account = e->account;
    m->id[m->s.ids_n].id = e->id;
    m->id[m->s.ids_n++].received_ms = received_ms;
    return false;
}

/* ---- events ---- */

static bool has_good_time(const struct model *m, const struct sim_event *e, int64_t received_ms)
{
    return model_day(e->time_ms) >= model_first_visible(m, received_ms) &&
           e->time_ms <= received_ms + FUTURE_MS;
}

static void count(struct model *m, const struct sim_event *e, uint64_t position)
{
    int32_t day = model_day(e->time_ms) - m->first_day;

    CHECK(day >= 0 && day < DAYS);
    struct cell_day *c = &m->s.day[e->account][day];
    switch (e->what) {
    case CALL:
        c->calls[e->app] += e->count;
        c->errors[e->app] += e->type >= 400 ? e->count : 0;
        c->limited[e->app] += e->type == 429 ? e->count : 0;
        break;
    case RECORD:
        c->records[e->app][e->type][e->action] += e->count;
        break;
    case SIGNAL:
        CHECK(m->s.activity_n < ACTIVITY_MAX);
        m->activity[m->s.activity_n++] = (struct activity_row){
            e->account, e->type, e->app, e->user, e->time_ms, position,
        };
        break;
    case UNKNOWN:
        CHECK(!"counted");
    }
}

static struct verdict take_events(struct model *m, const struct submission *s)
{
    struct verdict v = {.status = ST_OK};
    struct sim_batch *b = s->batch;

    for (uint32_t i = 0; i < b->n; i++) {
        const struct sim_event *e = &b->ev[i];
        if (e->what == UNKNOWN || !has_good_time(m, e, s->received_ms)) {
            v.rejected++;
        } else if (e->id != 0 && is_known_id(m, e, s->received_ms)) {
            v.duplicate++;
        } else {
            v.accepted++;
            m->s.late += model_day(e->time_ms) < model_day(s->received_ms);
            count(m, e, m->s.position + i);
        }
    }
    if (v.accepted > 0)
        m->s.position += b->n;
    m->s.received += b->n;
    m->s.accepted += v.accepted;
    m->s.duplicate += v.duplicate;
    m->s.rejected += v.rejected;
    m->s.batches++;
    return v;
}

/* ---- batches ---- */

static struct verdict refused(struct model *m, enum status why)
{
    m->refused++;
    return (struct verdict){.status = why};
}

static struct verdict take_body(struct model *m, const struct submission *s)
{
    if (s->batch->n > BATCH_LIMIT)
        return refused(m, ST_TOO_LARGE);
    return take_events(m, s);
}

static uint64_t expected(const struct model *m, const struct sim_batch *b)
{
    return b->epoch > m->s.cursor[b->producer].epoch ? 1 : m->s.cursor[b->producer].seq + 1;
}

static struct verdict take_numbered(struct model *m, const struct submission *s)
{
    struct sim_batch *b = s->batch;
    uint64_t epoch = m->s.cursor[b->producer].epoch, seq = m->s.cursor[b->producer].seq;
    struct verdict v;

    if (b->epoch < epoch) {
        v = refused(m, ST_STALE_EPOCH);
        v.has_current = true;
        v.current_epoch = epoch;
        return v;
    }
    if (b->epoch == epoch && b->seq <= seq) {
        if (b->seq == seq && b->content != m->s.cursor[b->producer].content)
            return refused(m, ST_CONFLICT);
        uint32_t n =
            b->n > BATCH_LIMIT ? 0 : b->n; /* nobody counts the events of a body too large */
        m->s.received += n;
        m->s.duplicate += n;
        m->s.batches++;
        return (struct verdict){.status = ST_DUPLICATE, .duplicate = n};
    }
    if (b->seq != expected(m, b)) {
        v = refused(m, ST_GAP);
        v.has_expected = true;
        v.expected_seq = expected(m, b);
        return v;
    }
    v = take_body(m, s);
    b->applied++;
    m->s.cursor[b->producer].epoch = b->epoch;
    m->s.cursor[b->producer].seq = b->seq;
    m->s.cursor[b->producer].content = b->content;
    return v;
}

struct verdict model_take(struct model *m, const struct submission *s)
{
    const struct sim_batch *b = s->batch;

    if (s->standing != ST_OK) {
        struct verdict v = refused(m, s->standing);
        if (b->numbered && b->epoch >= m->s.cursor[b->producer].epoch) {
            v.has_expected = true;
            v.expected_seq = expected(m, b);
            if (v.status == ST_BUSY && b->seq > v.expected_seq)
                v.status = ST_GAP; /* only what comes next is told to wait */
        }
        return v;
    }
    if (b->garbage) {
        m->s.received++;
        m->s.rejected++;
        m->s.batches++;
        return (struct verdict){.status = ST_MALFORMED};
    }
    return b->numbered ? take_numbered(m, s) : take_body(m, s);
}
