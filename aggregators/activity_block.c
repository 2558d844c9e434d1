/* The packed form of the activity log. */
#include "aggregators/activity.h"
#include "aggregators/tables.h"
#include "aggregators/value.h"
#include "engine/base/check.h"
#include "engine/base/hash.h"

#include <stdlib.h>

struct entry *entries_more(struct entries *e)
{
    if (e->n == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 64;
        e->p = realloc(e->p, e->cap * sizeof *e->p);
        CHECK(e->p);
    }
    return &e->p[e->n++];
}

static int by_time(const void *a, const void *b)
{
    return entry_before(a, b) ? -1 : entry_before(b, a);
}

void entries_sort(struct entries *e)
{
    qsort(e->p, e->n, sizeof *e->p, by_time);
}

size_t activity_prefix(uint8_t key[static ACTIVITY_KEY_MAX], uint64_t account)
{
    return (size_t)(put_ordered(key, account) - key);
}

size_t activity_key(uint8_t key[static ACTIVITY_KEY_MAX], uint64_t account, int64_t time_ms,
                    uint64_t position)
{
    uint8_t *p = put_be(key + activity_prefix(key, account), (uint64_t)time_ms, 8);
    return (size_t)(put_ordered(p, position) - key);
}

uint64_t block_bit(uint64_t id)
{
    return UINT64_C(1) << (hash_mix(id) & 63);
}

enum status block_open(struct span key, struct span value, bool check, struct block_head *head,
                       struct reader *entries)
{
    struct reader k = reader_of(key.p, key.n);
    head->account = read_ordered(&k);
    head->first_ms = (int64_t)read_be(&k, 8);
    k.bad |= (uint64_t)head->first_ms > WIRE_INT_MAX;
    head->first_position = read_ordered(&k);
    struct reader r = reader_of(value.p, value.n);
    if (check && value_open(value, &r))
        return ST_CORRUPT;
    if (!check)
        (void)read_be(&r, 4);
    head->n = read_varint(&r);
    head->last_ms = read_time_from(&r, k.bad ? 0 : head->first_ms);
    head->min_position = read_varint(&r);
    head->max_position = head->min_position + read_varint(&r);
    head->kinds = read_be(&r, 8);
    head->apps = read_be(&r, 8);
    head->users = read_be(&r, 8);
    *entries = r;
    return k.bad || reader_left(&k) || r.bad ? ST_CORRUPT : ST_OK;
}

enum status block_read(const struct block_head *head, struct reader *r, struct entries *to)
{
    int64_t time_ms = head->first_ms;
    uint64_t position = head->first_position;
    for (uint64_t i = 0; i < head->n && !r->bad; i++) {
        struct entry *e = entries_more(to);
        e->time_ms = time_ms = read_time_from(r, time_ms);
        e->position = position += (uint64_t)unzigzag(read_varint(r));
        e->received_ms = read_time_near(r, time_ms);
        e->app = read_varint(r);
        e->user1 = read_varint(r);
        e->kind = read_u8(r);
        e->detail = read_str(r);
        r->bad |= !event_is_activity(e->kind);
    }
    return r->bad || reader_left(r) ? ST_CORRUPT : ST_OK;
}

static void entry_write(struct buf *b, const struct entry *e, const struct entry *before)
{
    buf_varint(b, (uint64_t)(e->time_ms - before->time_ms));
    buf_varint(b, zigzag((int64_t)(e->position - before->position)));
    buf_varint(b, zigzag(e->received_ms - e->time_ms));
    buf_varint(b, e->app);
    buf_varint(b, e->user1);
    buf_u8(b, e->kind);
    buf_str(b, e->detail);
}

void block_write(const struct entry *e, uint32_t n, uint32_t *at, struct buf *value)
{
    const struct entry *first = &e[*at], *before = first;
    struct block_head h = {.min_position = UINT64_MAX};
    struct buf body = buf_of(SIZE_MAX / 2);
    for (; *at < n; before = &e[(*at)++]) {
        const size_t size = body.n;
        entry_write(&body, &e[*at], before);
        if (h.n && body.n > ACTIVITY_BLOCK) {
            body.n = size;
            break;
        }
        h.n++;
        h.kinds |= UINT64_C(1) << e[*at].kind;
        h.apps |= block_bit(e[*at].app);
        h.users |= block_bit(e[*at].user1);
        h.last_ms = e[*at].time_ms;
        if (e[*at].position < h.min_position)
            h.min_position = e[*at].position;
        if (e[*at].position > h.max_position)
            h.max_position = e[*at].position;
    }
    value_begin(value);
    buf_varint(value, h.n);
    buf_varint(value, (uint64_t)(h.last_ms - first->time_ms));
    buf_varint(value, h.min_position);
    buf_varint(value, h.max_position - h.min_position);
    buf_be(value, h.kinds, 8);
    buf_be(value, h.apps, 8);
    buf_be(value, h.users, 8);
    buf_put(value, body.p, body.n);
    CHECK(!body.bad);
    value_seal(value);
    buf_fini(&body);
}

struct entry entry_of_signal(const struct signals *of, const struct signal *s)
{
    /* Where no signal has a detail there is no text to point into. */
    const char *detail = s->detail_n > 0 ? (const char *)of->text.p + s->detail : "";
    return (struct entry){
        s->time_ms, s->position,          s->received_ms, s->app, s->has_user ? s->user + 1 : 0,
        s->kind,    {detail, s->detail_n}};
}

void activity_counts(struct txn *t, uint64_t account, uint64_t *kept, uint64_t *trimmed)
{
    uint8_t key[ACTIVITY_KEY_MAX];
    struct span val;
    *kept = *trimmed = 0;
    if (!txn_get(t, DAYS_ACTIVITY_ACCOUNT, key, activity_prefix(key, account), &val))
        return;
    struct reader r = reader_of(val.p, val.n);
    *kept = read_varint(&r);
    *trimmed = read_varint(&r);
    if (r.bad)
        txn_fail(t, ST_CORRUPT);
}

void activity_counts_put(struct txn *t, uint64_t account, uint64_t kept, uint64_t trimmed)
{
    uint8_t key[ACTIVITY_KEY_MAX], val[20];
    const size_t n = (size_t)(put_varint(put_varint(val, kept), trimmed) - val);
    txn_put(t, DAYS_ACTIVITY_ACCOUNT, key, activity_prefix(key, account), val, n);
}
