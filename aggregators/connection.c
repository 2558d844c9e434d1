/* Connections: their histories, their states, and the merge. Reading is in connection_view.c. */
#include "aggregators/connection.h"
#include "aggregators/merge.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

/* ---- the table ---- */

static enum connection_state unless(enum connection_state from, unsigned stays,
                                    enum connection_state to)
{
    return stays >> from & 1 ? from : to;
}

enum connection_state connection_step(enum connection_state from, unsigned kind)
{
    enum {
        GONE = 1u << STATE_UNINSTALLED,
        LOST = GONE | 1u << STATE_DISCONNECTED,
        DEAD = LOST | 1u << STATE_EXPIRED,
        SHUT = DEAD | 1u << STATE_REAUTH
    };
    if (kind == EV_APP_INSTALLED || kind == EV_APP_REINSTALLED || kind == EV_APP_CONNECTED ||
        kind == EV_APP_RECONNECTED)
        return STATE_CONNECTED;
    if (kind == EV_APP_UNINSTALLED)
        return STATE_UNINSTALLED;
    if (kind == EV_APP_DISCONNECTED)
        return unless(from, GONE, STATE_DISCONNECTED);
    if (kind == EV_APP_EXPIRED)
        return unless(from, LOST, STATE_EXPIRED);
    if (kind == EV_PERMISSION_REAUTH)
        return unless(from, DEAD, STATE_REAUTH);
    if (kind == EV_APP_ERROR)
        return unless(from, SHUT, STATE_ERROR);
    if (kind == EV_APP_RECOVERED && from == STATE_ERROR)
        return STATE_CONNECTED;
    if (kind == EV_PERMISSION_GRANTED && from == STATE_REAUTH)
        return STATE_CONNECTED;
    return from;
}

static bool moves_state(unsigned kind)
{
    return (kind >= EV_APP_INSTALLED && kind <= EV_APP_RECOVERED) ||
           kind == EV_PERMISSION_GRANTED || kind == EV_PERMISSION_REAUTH;
}

/* The problem that a state is; PROBLEM_N: none. */
static enum problem_kind problem_of(enum connection_state state)
{
    static const enum problem_kind of[STATE_N] = {
        [STATE_NONE] = PROBLEM_N,
        [STATE_CONNECTED] = PROBLEM_N,
        [STATE_DISCONNECTED] = PROBLEM_DISCONNECTED,
        [STATE_EXPIRED] = PROBLEM_EXPIRED,
        [STATE_ERROR] = PROBLEM_ERROR,
        [STATE_REAUTH] = PROBLEM_REAUTH,
        [STATE_UNINSTALLED] = PROBLEM_N,
    };
    return of[state];
}

enum connection_state problem_state(enum problem_kind kind)
{
    static const enum connection_state of[PROBLEM_N] = {
        [PROBLEM_DISCONNECTED] = STATE_DISCONNECTED,
        [PROBLEM_EXPIRED] = STATE_EXPIRED,
        [PROBLEM_ERROR] = STATE_ERROR,
        [PROBLEM_REAUTH] = STATE_REAUTH,
    };
    return of[kind];
}

unsigned state_severity(enum connection_state s)
{
    static const uint8_t of[STATE_N] = {
        [STATE_NONE] = 0,   [STATE_UNINSTALLED] = 1, [STATE_CONNECTED] = 2,    [STATE_ERROR] = 3,
        [STATE_REAUTH] = 4, [STATE_EXPIRED] = 5,     [STATE_DISCONNECTED] = 6,
    };
    return of[s];
}

int64_t problem_resolved_ms(const struct problem *p)
{
    if (p->ended_ms == 0 || p->ended_by != EV_APP_RECOVERED)
        return p->ended_ms;
    const int64_t calm_ms = p->last_ms + MS_PER_DAY;
    return calm_ms > p->ended_ms ? calm_ms : p->ended_ms;
}

/* The problem that a signal alone speaks of; PROBLEM_N: none. */
static enum problem_kind problem_told(unsigned kind)
{
    return problem_of(connection_step(STATE_NONE, kind));
}

/* The one problem that a signal heals, whatever the state is; PROBLEM_N: none. */
static enum problem_kind problem_healed(unsigned kind)
{
    if (kind == EV_APP_RECOVERED)
        return PROBLEM_ERROR;
    return kind == EV_PERMISSION_GRANTED ? PROBLEM_REAUTH : PROBLEM_N;
}

static bool problem_lasts(const struct problem *p)
{
    return p->episodes && !p->ended_ms;
}

/* A new episode, or the same one where it lasts or had not been resolved yet. */
static void problem_open(struct problem *p, int64_t time_ms)
{
    if (problem_lasts(p))
        return;
    if (p->ended_ms && time_ms < problem_resolved_ms(p)) {
        p->ended_ms = 0;
        p->ended_by = EV_NONE;
        return;
    }
    *p = (struct problem){.episodes = p->episodes + 1, .opened_ms = time_ms};
}

static void problem_end(struct problem *p, const struct connection_signal *s)
{
    if (!problem_lasts(p))
        return;
    p->ended_ms = s->time_ms;
    p->ended_by = (enum event_kind)s->kind;
}

/* The table, and what it cannot see: an error that lasts beside the re-authentication. */
static enum connection_state fold_state(const struct connection_fold *f, unsigned kind)
{
    const enum connection_state to = connection_step(f->state, kind);
    const bool failing = problem_lasts(&f->problems[PROBLEM_ERROR]);
    return kind == EV_PERMISSION_GRANTED && to != f->state && failing ? STATE_ERROR : to;
}

static void fold_enter(struct connection_fold *f, enum connection_state to,
                       const struct connection_signal *s)
{
    const enum problem_kind met = problem_of(to);
    for (unsigned i = 0; i < PROBLEM_N; i++)
        if (i != met)
            problem_end(&f->problems[i], s);
    f->state = to;
    f->since_ms = s->time_ms;
    f->reason = s->reason;
    f->code = s->code;
    if (met == PROBLEM_N || !problem_lasts(&f->problems[met]))
        return;
    f->reason = f->problems[met].reason; /* not that of what ended the worse one */
    f->code = f->problems[met].code;
}

static void fold_step(struct connection_fold *f, const struct connection_signal *s)
{
    const enum connection_state to = fold_state(f, s->kind);
    const enum problem_kind told = problem_told(s->kind), healed = problem_healed(s->kind);
    if (healed != PROBLEM_N)
        problem_end(&f->problems[healed], s);
    if (to != f->state)
        fold_enter(f, to, s);
    if (told == PROBLEM_N || to == STATE_UNINSTALLED)
        return;
    struct problem *p = &f->problems[told];
    problem_open(p, s->time_ms);
    p->repeats++;
    p->last_ms = s->time_ms;
    p->reason = s->reason;
    p->code = s->code;
}

/* ---- history ---- */

static int compare_str(struct str a, struct str b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

/* How bad a kind is: of two signals of one instant the worse one is taken as the later. */
static unsigned rank(unsigned kind)
{
    static const uint8_t of[EV_KIND_MAX] = {
        [EV_APP_INSTALLED] = 1,     [EV_APP_REINSTALLED] = 2,    [EV_APP_CONNECTED] = 3,
        [EV_APP_RECONNECTED] = 4,   [EV_PERMISSION_GRANTED] = 5, [EV_APP_RECOVERED] = 6,
        [EV_APP_ERROR] = 7,         [EV_PERMISSION_REAUTH] = 8,  [EV_APP_EXPIRED] = 9,
        [EV_APP_DISCONNECTED] = 10, [EV_APP_UNINSTALLED] = 11,
    };
    return of[kind];
}

static int compare_signals(const struct connection_signal *a, const struct connection_signal *b)
{
    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    if (rank(a->kind) != rank(b->kind))
        return rank(a->kind) < rank(b->kind) ? -1 : 1;
    const int order = compare_str(a->reason, b->reason);
    return order ? order : compare_str(a->code, b->code);
}

void history_fini(struct history *h)
{
    free(h->signals);
    *h = (struct history){0};
}

void history_clear(struct history *h)
{
    *h = (struct history){.signals = h->signals, .cap = h->cap};
}

static struct connection_signal *history_more(struct history *h)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 8;
        h->signals = realloc(h->signals, h->cap * sizeof *h->signals);
        CHECK(h->signals);
    }
    return &h->signals[h->n++];
}

static struct connection_signal signal_of(const struct entry *e)
{
    struct connection_signal s = {.time_ms = e->time_ms, .kind = e->kind};
    struct reader d = reader_of(e->detail.p, e->detail.n);
    while (reader_left(&d) && !d.bad) {
        const uint8_t tag = read_u8(&d);
        const struct str text = read_str(&d);
        if (tag == DETAIL_REASON)
            s.reason = text;
        if (tag == DETAIL_CODE)
            s.code = text;
    }
    return s;
}

void history_add(struct history *h, const struct entry *e)
{
    const struct connection_signal s = signal_of(e);
    if (connection_is_install(e->kind) && (!h->installed_ms || e->time_ms < h->installed_ms))
        h->installed_ms = e->time_ms;
    if ((e->kind == EV_SYNC_ENABLED || e->kind == EV_SYNC_DISABLED) && e->time_ms >= h->sync_ms) {
        /* Of two switches at one instant, off wins. */
        h->sync_on = e->kind == EV_SYNC_ENABLED && (e->time_ms > h->sync_ms || h->sync_on);
        h->sync_ms = e->time_ms;
    }
    if (!moves_state(e->kind) || (h->folded.time_ms && compare_signals(&s, &h->folded) <= 0))
        return;
    uint32_t at = h->n;
    while (at && compare_signals(&h->signals[at - 1], &s) > 0)
        at--;
    if (at && compare_signals(&h->signals[at - 1], &s) == 0)
        return; /* told twice */
    (void)history_more(h);
    memmove(h->signals + at + 1, h->signals + at, (h->n - 1 - at) * sizeof *h->signals);
    h->signals[at] = s;
}

static struct connection_signal read_signal(struct reader *r, int64_t before_ms)
{
    struct connection_signal s;
    s.time_ms = read_time_from(r, before_ms);
    s.kind = read_u8(r);
    s.reason = read_str(r);
    s.code = read_str(r);
    r->bad |= s.kind >= EV_KIND_MAX;
    return s;
}

static void write_signal(struct buf *b, const struct connection_signal *s, int64_t before_ms)
{
    buf_varint(b, (uint64_t)(s->time_ms - before_ms));
    buf_u8(b, s->kind);
    buf_str(b, s->reason);
    buf_str(b, s->code);
}

static void read_problems(struct reader *r, struct problem to[static PROBLEM_N])
{
    for (unsigned i = 0; i < PROBLEM_N; i++) {
        struct problem *p = &to[i];
        p->episodes = (uint32_t)read_varint(r);
        if (!p->episodes)
            continue;
        p->opened_ms = read_time(r);
        p->last_ms = read_time(r);
        p->repeats = read_varint(r);
        p->ended_ms = read_time(r);
        p->ended_by = (enum event_kind)read_u8(r);
        r->bad |= p->ended_by >= EV_KIND_MAX;
        p->reason = read_str(r);
        p->code = read_str(r);
    }
}

static void read_fold(struct reader *r, struct connection_fold *f)
{
    f->state = (enum connection_state)read_u8(r);
    r->bad |= f->state >= STATE_N;
    f->since_ms = read_time(r);
    f->reason = read_str(r);
    f->code = read_str(r);
    read_problems(r, f->problems);
}

static void write_fold(struct buf *b, const struct connection_fold *f)
{
    buf_u8(b, (uint8_t)f->state);
    buf_varint(b, (uint64_t)f->since_ms);
    buf_str(b, f->reason);
    buf_str(b, f->code);
    for (unsigned i = 0; i < PROBLEM_N; i++) {
        const struct problem *p = &f->problems[i];
        buf_varint(b, p->episodes);
        if (!p->episodes)
            continue;
        buf_varint(b, (uint64_t)p->opened_ms);
        buf_varint(b, (uint64_t)p->last_ms);
        buf_varint(b, p->repeats);
        buf_varint(b, (uint64_t)p->ended_ms);
        buf_u8(b, (uint8_t)p->ended_by);
        buf_str(b, p->reason);
        buf_str(b, p->code);
    }
}

enum status history_load(struct history *h, struct span value)
{
    struct reader r;
    struct connection_fold result = {0};
    if (value_open(value, &r))
        return ST_CORRUPT;
    h->installed_ms = read_time(&r);
    h->sync_ms = read_time(&r);
    h->sync_on = read_u8(&r);
    read_fold(&r, &result); /* what comes is folded anew */
    h->folded = read_signal(&r, 0);
    if (h->folded.time_ms)
        read_fold(&r, &h->base);
    int64_t before_ms = 0;
    for (uint64_t n = read_varint(&r); n && !r.bad; n--) {
        struct connection_signal *s = history_more(h);
        *s = read_signal(&r, before_ms);
        before_ms = s->time_ms;
    }
    return r.bad || reader_left(&r) ? ST_CORRUPT : ST_OK;
}

static struct connection_fold history_result(const struct history *h)
{
    struct connection_fold f = h->base;
    for (uint32_t i = 0; i < h->n; i++)
        fold_step(&f, &h->signals[i]);
    return f;
}

void history_store(struct history *h, struct buf *to)
{
    const struct connection_fold result = history_result(h);
    const uint32_t over = h->n > CONNECTION_HISTORY ? h->n - CONNECTION_HISTORY : 0;
    for (uint32_t i = 0; i < over; i++)
        fold_step(&h->base, &h->signals[i]);
    if (over)
        h->folded = h->signals[over - 1];
    value_begin(to);
    buf_varint(to, (uint64_t)h->installed_ms);
    buf_varint(to, (uint64_t)h->sync_ms);
    buf_u8(to, h->sync_on);
    write_fold(to, &result);
    write_signal(to, &h->folded, 0);
    if (h->folded.time_ms)
        write_fold(to, &h->base);
    buf_varint(to, h->n - over);
    int64_t before_ms = 0;
    for (uint32_t i = over; i < h->n; i++) {
        write_signal(to, &h->signals[i], before_ms);
        before_ms = h->signals[i].time_ms;
    }
    value_seal(to);
}

static bool is_troubled(const struct problem problems[static PROBLEM_N])
{
    uint32_t episodes = 0;
    for (unsigned i = 0; i < PROBLEM_N; i++)
        episodes |= problems[i].episodes;
    return episodes > 0;
}

void history_state(const struct history *h, struct connection *out)
{
    const struct connection_fold f = history_result(h);
    out->state = f.state;
    out->since_ms = f.since_ms;
    out->reason = f.reason;
    out->code = f.code;
    memcpy(out->problems, f.problems, sizeof f.problems);
    out->troubled = is_troubled(f.problems);
    out->installed_ms = h->installed_ms;
    out->sync_known = h->sync_ms != 0;
    out->sync_on = h->sync_on;
}

enum status connection_read(struct span value, struct connection *out)
{
    struct reader r;
    if (value_open(value, &r))
        return ST_CORRUPT;
    out->installed_ms = read_time(&r);
    out->sync_known = read_varint(&r) != 0;
    out->sync_on = read_u8(&r);
    out->state = (enum connection_state)read_u8(&r);
    out->since_ms = read_time(&r);
    out->reason = read_str(&r);
    out->code = read_str(&r);
    read_problems(&r, out->problems);
    out->troubled = is_troubled(out->problems);
    return r.bad || out->state >= STATE_N ? ST_CORRUPT : ST_OK;
}

/* ---- merge ---- */

size_t connection_key(uint8_t key[static CONNECTION_KEY_MAX], uint64_t account, uint64_t app,
                      uint64_t user1)
{
    return (size_t)(put_ordered(put_ordered(put_ordered(key, account), app), user1) - key);
}

static bool same_connection(const struct entry *a, const struct entry *b)
{
    return a->app == b->app && a->user1 == b->user1;
}

void connection_merge(struct merge *m, uint64_t account, const struct entries *fresh)
{
    struct buf value = buf_of(SIZE_MAX / 2);
    for (uint32_t i = 0; i < fresh->n && m->txn.status == ST_OK;) {
        const struct entry *first = &fresh->p[i];
        struct history h = {0};
        uint8_t key[CONNECTION_KEY_MAX];
        struct span old;
        if (!connection_is_signal(first->kind)) {
            i++;
            continue;
        }
        if (merge_is_due(m))
            signals_part(m, account, true);
        const size_t key_n = connection_key(key, account, first->app, first->user1);
        if (txn_get(&m->txn, DAYS_CONNECTION, key, key_n, &old) && history_load(&h, old)) {
            txn_fail(&m->txn, ST_CORRUPT);
            history_fini(&h);
            break;
        }
        for (; i < fresh->n && same_connection(&fresh->p[i], first); i++)
            if (connection_is_signal(fresh->p[i].kind))
                history_add(&h, &fresh->p[i]);
        history_store(&h, &value); /* before the put: its strings borrow from the old value */
        txn_put(&m->txn, DAYS_CONNECTION, key, key_n, value.p, value.n);
        m->stats->bytes += value.n;
        m->dirty_bytes += MERGE_STRAY_BYTES;
        history_fini(&h);
    }
    buf_fini(&value);
}
