/* [kind, account, app, time, method, status, count] or [kind, account, app, time, object_type,
 * record, count], all integers, the last ones absent or nil where the table allows it: 9 of 10
 * events look like this. Whatever looks otherwise, or is wrong in any way, is left to the general
 * path, which then says what is wrong. So this file never judges; it only recognises.
 *
 *   97                     array of 7
 *   01 ce 00 01 86 a0 07   api.call, account 100000, app 7
 *   cf 00 00 01 9a b2 ..   time in ms
 *   01 cc c8 03            GET, 200, 3 calls */
#include "schemas/compact.h"

#include "engine/base/bytes.h"
#include "schemas/event_read.h"

#define ITEM_BYTES_MAX 9 /* an integer of 64 bits */
#define ITEMS_MAX      7

/* An unsigned integer at p; 9 bytes are there. Returns the next item; *bad when it is none. */
static inline const uint8_t *take(const uint8_t *p, uint64_t *v, bool *bad)
{
    uint8_t code = *p;
    if (code < 0x80) {
        *v = code;
        return p + 1;
    }
    switch (code) {
    case 0xcc:
        *v = p[1];
        return p + 2;
    case 0xcd:
        *v = get_be(p + 1, 2);
        return p + 3;
    case 0xce:
        *v = get_be(p + 1, 4);
        return p + 5;
    case 0xcf:
        *v = get_be(p + 1, 8);
        return p + 9;
    default:
        *bad = true;
        *v = 0;
        return p;
    }
}

/* The same, where nil stands for `otherwise`. */
static inline const uint8_t *take_or_nil(const uint8_t *p, uint64_t *v, uint64_t otherwise,
                                         bool *bad)
{
    if (*p == 0xc0) {
        *v = otherwise;
        return p + 1;
    }
    return take(p, v, bad);
}

/* What the items after the four leading ones say. Plain registers until the event is written in one
 * go: setting its bit fields one by one costs a stalled load each. */
struct tail {
    uint64_t object;
    uint64_t record_hash;
    uint64_t method;
    uint64_t status;
    uint64_t count;
};

static inline const uint8_t *api_call(const uint8_t *p, uint32_t items, struct tail *t)
{
    bool bad = items < 6;
    p = take(p, &t->method, &bad);
    p = take(p, &t->status, &bad);
    if (items == 7)
        p = take_or_nil(p, &t->count, 1, &bad);
    if (bad || t->method - 1 >= METHOD_N - 1 || t->status - 100 >= 500 ||
        t->count - 1 >= 1000000000)
        return NULL;
    return p;
}

static inline const uint8_t *record(const uint8_t *p, uint32_t items, struct tail *t)
{
    uint64_t number = 0;
    bool given = false;
    bool bad = false;
    p = take(p, &t->object, &bad);
    if (items >= 6) {
        given = *p != 0xc0;
        p = take_or_nil(p, &number, 0, &bad);
    }
    if (items == 7)
        p = take_or_nil(p, &t->count, 1, &bad);
    if (bad || t->object > WIRE_INT_MAX || number > WIRE_INT_MAX || t->count - 1 >= 1000000000)
        return NULL;
    t->record_hash = given ? record_hash_number(number) : 0;
    return p;
}

static inline bool is_record(unsigned kind)
{
    return kind >= EV_RECORD_CREATED && kind <= EV_RECORD_ASSOCIATED;
}

/* One event at p, whose items (5..7 of at most 9 bytes) lie within the frame. Returns what follows
 * it; NULL when it is not plain. */
static inline const uint8_t *event(const uint8_t *p, uint32_t items, struct event *e)
{
    uint64_t account, app, time;
    bool bad = false;
    unsigned kind = *p++;
    p = take(p, &account, &bad);
    p = take(p, &app, &bad);
    p = take(p, &time, &bad);
    if (bad || (account | app | time) > WIRE_INT_MAX)
        return NULL;
    struct tail t = {.count = 1};
    if (kind == EV_API_CALL)
        p = api_call(p, items, &t);
    else
        p = is_record(kind) ? record(p, items, &t) : NULL;
    if (p == NULL)
        return NULL;
    *e = (struct event){
        .account = account,
        .app = app,
        .time_ms = (int64_t)time,
        .object_type = t.object << 2,
        .record_hash = t.record_hash,
        .count = (uint32_t)t.count,
        .kind = (uint8_t)kind,
        .method = (unsigned)t.method & 15,
        .status = (uint16_t)t.status,
    };
    return p;
}

uint32_t compact_run(struct mp *m, uint32_t n, struct event *ev)
{
    const uint8_t *p = m->p;
    uint32_t done = 0;
    while (done < n && p < m->end) {
        uint32_t items = *p - 0x90u;
        bool room = (size_t)(m->end - p) > (size_t)ITEM_BYTES_MAX * items;
        if (items - 5 > ITEMS_MAX - 5 || !room)
            break;
        const uint8_t *next = event(p + 1, items, &ev[done]);
        if (next == NULL)
            break;
        done++;
        p = next;
    }
    m->p = p;
    return done;
}
