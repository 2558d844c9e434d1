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

#include "schemas/event_read.h"

#include <endian.h>

#define ITEM_BYTES_MAX 9 /* an integer of 64 bits */
#define ITEMS_MAX      7

static inline uint64_t load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

static inline uint32_t load_be32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return be32toh(v);
}

static inline uint16_t load_be16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return be16toh(v);
}

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
        *v = load_be16(p + 1);
        return p + 3;
    case 0xce:
        *v = load_be32(p + 1);
        return p + 5;
    case 0xcf:
        *v = load_be64(p + 1);
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

static inline bool api_call(const uint8_t **p, uint32_t items, struct event *e)
{
    uint64_t method, status;
    uint64_t count = 1;
    bool bad = items < 6;
    *p = take(*p, &method, &bad);
    *p = take(*p, &status, &bad);
    if (items == 7)
        *p = take_or_nil(*p, &count, 1, &bad);
    if (bad || method - 1 >= METHOD_N - 1 || status - 100 >= 500 || count - 1 >= 1000000000)
        return false;
    e->method = (unsigned)method & 15;
    e->status = (uint16_t)status;
    e->count = (uint32_t)count;
    return true;
}

static inline bool record(const uint8_t **p, uint32_t items, struct event *e)
{
    uint64_t object, number = 0;
    uint64_t count = 1;
    bool bad = false;
    bool given = false;
    *p = take(*p, &object, &bad);
    if (items >= 6) {
        given = **p != 0xc0;
        *p = take_or_nil(*p, &number, 0, &bad);
    }
    if (items == 7)
        *p = take_or_nil(*p, &count, 1, &bad);
    if (bad || object > WIRE_INT_MAX || number > WIRE_INT_MAX || count - 1 >= 1000000000)
        return false;
    e->object_type = object << 2;
    e->record_hash = given ? record_hash_number(number) : 0;
    e->count = (uint32_t)count;
    return true;
}

static inline bool is_record(unsigned kind)
{
    return kind >= EV_RECORD_CREATED && kind <= EV_RECORD_ASSOCIATED;
}

/* One event at p, whose items (5..7 of at most 9 bytes) lie within the frame. */
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
    if (kind == EV_API_CALL ? !api_call(&p, items, e) : !is_record(kind) || !record(&p, items, e))
        return NULL;
    e->account = account;
    e->app = app;
    e->time_ms = (int64_t)time;
    e->kind = (uint8_t)kind;
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
        struct event e = {0};
        const uint8_t *next = event(p + 1, items, &e);
        if (next == NULL)
            break;
        ev[done++] = e;
        p = next;
    }
    m->p = p;
    return done;
}
