/* Signals in memory, and as they wait on the disk. The merge is in signals_merge.c. */
#include "aggregators/signals.h"

#include "aggregators/activity.h"
#include "aggregators/block.h"
#include "aggregators/merge.h"
#include "aggregators/value.h"
#include "engine/base/check.h"

#include <stdlib.h>

#define WAITING_ROW ((size_t)256 << 10) /* bytes of a row, about */

struct signals *signals_new(uint64_t begin)
{
    struct signals *s = calloc(1, sizeof *s);
    CHECK(s);
    index_init(&s->index, 1024);
    s->text = buf_of(SIZE_MAX / 2);
    s->begin = s->end = begin;
    return s;
}

void signals_free(struct signals **sp)
{
    struct signals *s = *sp;
    if (!s)
        return;
    index_fini(&s->index);
    ARRAY_FINI(s->signal);
    ARRAY_FINI(s->account);
    buf_fini(&s->text);
    free(s);
    *sp = NULL;
}

void signals_reset(struct signals *s, uint64_t begin)
{
    index_clear(&s->index);
    ARRAY_RESET(s->signal);
    ARRAY_RESET(s->account);
    buf_reset_lean(&s->text);
    s->older = NULL;
    s->begin = s->end = begin;
}

void signals_begin_at(struct signals *s, uint64_t begin)
{
    CHECK(s->signal.n == 0 && !s->older);
    s->begin = s->end = begin;
}

uint64_t signals_end(const struct signals *s)
{
    return s->end;
}

uint32_t signals_count(const struct signals *s)
{
    return s->signal.n;
}

size_t signals_bytes(const struct signals *s)
{
    return s->signal.n * sizeof *s->signal.p +
           s->account.n * (sizeof *s->account.p + INDEX_ENTRY_BYTES) + s->text.n;
}

void signals_follow(struct signals *s, const struct signals *older)
{
    s->older = older;
}

const struct signal_account *pending_signals(const struct signals *s, uint64_t account)
{
    const uint64_t h = hash_mix(account);
    uint32_t at;
    for (uint32_t i = index_first(&s->index, h, &at); at != INDEX_NONE;
         i = index_next(&s->index, h, i, &at))
        if (s->account.p[at].account == account)
            return &s->account.p[at];
    return NULL;
}

static struct signal_account *account_find_or_add(struct signals *s, uint64_t account)
{
    const struct signal_account *found = pending_signals(s, account);
    if (found)
        return &s->account.p[found - s->account.p];
    const uint32_t at = ARRAY_MORE(s->account);
    s->account.p[at] = (struct signal_account){account, NONE, 0};
    index_add(&s->index, hash_mix(account), at);
    return &s->account.p[at];
}

static void add(struct signals *s, const struct signal *x)
{
    struct signal_account *a = account_find_or_add(s, x->account);
    const uint32_t at = ARRAY_MORE(s->signal);
    s->signal.p[at] = *x;
    s->signal.p[at].next = a->last;
    a->last = at;
    a->n++;
}

/* ---- fold ---- */

static void detail_add(struct buf *to, enum detail_tag tag, struct str s)
{
    if (!s.p)
        return;
    buf_u8(to, (uint8_t)tag);
    buf_str(to, s);
}

static void detail_of(struct buf *to, const struct event_more *more)
{
    if (!more)
        return;
    detail_add(to, DETAIL_REASON, more->reason);
    detail_add(to, DETAIL_CODE, more->code);
    detail_add(to, DETAIL_SETTING, more->setting);
    detail_add(to, DETAIL_FROM, more->from);
    detail_add(to, DETAIL_TO, more->to);
    detail_add(to, DETAIL_FEATURE, more->feature);
    for (uint32_t i = 0; i < more->list_n; i++)
        detail_add(to, DETAIL_SCOPE, more->list[i]);
    if (more->by1) {
        char text[24];
        const size_t n = text_fmt(text, sizeof(text), "%llu", (unsigned long long)(more->by1 - 1));
        detail_add(to, DETAIL_BY, (struct str){text, n});
    }
    CHECK(!to->bad);
}

static void pack(struct buf *to, const struct signals *s, const struct signal *x)
{
    buf_varint(to, x->position);
    buf_varint(to, (uint64_t)x->received_ms);
    buf_varint(to, zigzag(x->received_ms - x->time_ms));
    buf_varint(to, x->account);
    buf_varint(to, x->app);
    buf_varint(to, x->has_user ? x->user + 1 : 0);
    buf_u8(to, x->kind);
    const char *detail = x->detail_n > 0 ? (const char *)s->text.p + x->detail : "";
    buf_str(to, (struct str){detail, x->detail_n}); /* without any detail there is no text yet */
    CHECK(!to->bad);
}

void signals_fold(struct generation *g, const struct fold *f)
{
    struct signals *s = g->signals;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct event *e = &f->ev[i];
        if (f->verdict[i] || !event_is_activity(e->kind))
            continue;
        const size_t detail = s->text.n;
        detail_of(&s->text, e->more);
        const struct signal x = {.position = f->position + i,
                                 .time_ms = e->time_ms,
                                 .received_ms = f->received_ms,
                                 .account = e->account,
                                 .app = e->app,
                                 .user = e->user,
                                 .detail = detail,
                                 .detail_n = (uint32_t)(s->text.n - detail),
                                 .kind = (uint8_t)e->kind,
                                 .has_user = e->has_user};
        add(s, &x);
        pack(&g->packed, s, &x);
    }
}

/* ---- waiting ---- */

/* Read one packed signal; its detail borrows from the reader's bytes. */
static bool unpack(struct reader *r, struct signal *x, struct str *detail)
{
    *x = (struct signal){.position = read_varint(r)};
    x->received_ms = read_time(r);
    const uint64_t time_ms = (uint64_t)x->received_ms - (uint64_t)unzigzag(read_varint(r));
    r->bad |= time_ms > WIRE_INT_MAX;
    x->time_ms = (int64_t)time_ms;
    x->account = read_varint(r);
    x->app = read_varint(r);
    const uint64_t user1 = read_varint(r);
    x->has_user = user1 != 0;
    x->user = user1 ? user1 - 1 : 0;
    x->kind = read_u8(r);
    *detail = read_str(r);
    x->detail_n = (uint32_t)detail->n;
    return !r->bad && event_is_activity(x->kind);
}

static size_t waiting_key(uint8_t key[static 8], uint64_t position)
{
    return (size_t)(put_be(key, position, 8) - key);
}

/* Put the signals of a generation down, in rows. Written twice, they are the same rows. */
void waiting_put(struct merge *m)
{
    struct reader r = reader_of(m->g->packed.p, m->g->packed.n);
    struct buf value = buf_of(SIZE_MAX / 2);
    while (reader_left(&r) && m->txn.status == ST_OK) {
        const uint8_t *from = r.p;
        uint64_t first = 0;
        do {
            struct signal x;
            struct str detail;
            CHECK(unpack(&r, &x, &detail));
            first = first ? first : x.position;
            m->stats->signals++;
        } while (reader_left(&r) && (size_t)(r.p - from) < WAITING_ROW);
        uint8_t key[8];
        value_begin(&value);
        buf_put(&value, from, (size_t)(r.p - from));
        value_seal(&value);
        if (merge_is_due(m))
            merge_part(m, MERGE_REST, 0, 0);
        txn_put(&m->txn, DAYS_WAITING, key, waiting_key(key, first), value.p, value.n);
        m->dirty_bytes += value.n;
    }
    buf_fini(&value);
}

void waiting_drop(struct merge *m, uint64_t below)
{
    struct cur c;
    cur_open(&m->txn, DAYS_WAITING, &c);
    for (bool on = cur_first(&c); on; on = c.on) {
        struct reader k = reader_of(c.key.p, c.key.n);
        if (read_be(&k, 8) >= below)
            break;
        cur_del(&c);
    }
    cur_close(&c);
}

enum status waiting_read(struct span value, struct signals *to)
{
    struct reader r;
    if (value_open(value, &r))
        return ST_CORRUPT;
    while (reader_left(&r)) {
        struct signal x;
        struct str detail;
        if (!unpack(&r, &x, &detail))
            return ST_CORRUPT;
        x.detail = to->text.n;
        buf_put(&to->text, detail.p, detail.n);
        if (to->text.bad)
            return ST_NO_MEMORY;
        add(to, &x);
    }
    return ST_OK;
}

enum status signals_load(struct store *days, struct signals *merging, struct signals *others)
{
    struct txn t;
    struct cur c;
    struct signals_at at;
    txn_begin(days, false, &t);
    const uint64_t begin = meta_get(&t, META_SIGNALS, 0), end = meta_get(&t, META_POSITION, 0);
    signals_at_get(&t, &at);
    const uint64_t middle = at.end ? at.end : begin;
    if (begin > middle || middle > end)
        txn_fail(&t, ST_CORRUPT);
    signals_reset(merging, begin);
    signals_reset(others, middle);
    merging->end = middle;
    others->end = end;
    cur_open(&t, DAYS_WAITING, &c);
    for (bool on = cur_first(&c); on && t.status == ST_OK; on = cur_next(&c)) {
        struct reader k = reader_of(c.key.p, c.key.n);
        const uint64_t position = read_be(&k, 8);
        enum status st = ST_OK;
        if (position >= end) /* of a checkpoint that was cut short: the log has them still */
            break;
        st = waiting_read(c.val, position < middle ? merging : others);
        if (st != ST_OK)
            txn_fail(&t, st);
    }
    cur_close(&c);
    if (at.end && merging->signal.n == 0)
        txn_fail(&t, ST_CORRUPT);
    const enum status st = t.status;
    txn_abort(&t);
    return st;
}
