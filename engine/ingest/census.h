/* The census: how many different apps, object types, users and connections an account may have.
 *
 * Nearly every event names something that was named before. A cache of fingerprints says so; only a
 * miss counts against the credit of its account, and only when that is used up are the account's
 * things counted for real, from what is stored and pending. An account over half a limit is then
 * held to its exact set. Runs in the loop, before a batch is handed to the writer.
 *
 * Exact but for one thing: after a restart an account may add an eighth of a limit before it is
 * counted. What counts is what the day tables still know. */
#ifndef ENGINE_INGEST_CENSUS_H
#define ENGINE_INGEST_CENSUS_H

#include "engine/base/status.h"
#include "schemas/event.h"

enum census_kind { CENSUS_APPS, CENSUS_TYPES, CENSUS_USERS, CENSUS_CONNECTIONS, CENSUS_N };

/* A set of 64-bit values, 0 among them. Zeroed: empty. */
struct value_set {
    uint64_t *slot; /* open addressing; 0: free */
    uint32_t cap;   /* a power of two */
    uint32_t n;
    bool has_zero;
};
bool value_set_has(const struct value_set *s, uint64_t v);
void value_set_add(struct value_set *s, uint64_t v);
void value_set_fini(struct value_set *s);

/* What a group was admitted with for the first time, until it is folded. Owned by the loop even
 * while the writer has the group. Zeroed: empty. */
struct census_log {
    struct census_item {
        uint64_t account, value;
        enum census_kind kind;
    } * item;
    uint32_t n, cap;
};
void census_log_fini(struct census_log *l);

struct census; /* opaque, heap; about 5 MiB */

struct census_setup {
    uint32_t limit[CENSUS_N];
    /* Add what the account has of a kind to *out: stored, pending and in flight. */
    void (*count)(void *arg, uint64_t account, enum census_kind kind, struct value_set *out);
    void *arg;
};

enum status census_new(const struct census_setup *setup, struct census **out) MUST_CHECK;
void census_free(struct census **c); /* NULL-safe */

/* May e be accepted? Otherwise *over is the limit that is in the way. What is new goes into log. */
bool census_admit(struct census *c, const struct event *e, struct census_log *log,
                  enum census_kind *over);

/* ---- the fast path: an event that names nothing but an app that was seen ---- */

#define CENSUS_SEEN_N (1u << 18) /* fingerprints: 1 MiB */

static inline uint64_t census_hash(uint64_t account, enum census_kind kind, uint64_t value)
{
    __uint128_t m = (__uint128_t)(account + UINT64_C(0x9e3779b97f4a7c15)) *
                    (value * 8 + kind + UINT64_C(0xbf58476d1ce4e5b9));

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint32_t census_fingerprint(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

/* The fingerprints, CENSUS_SEEN_N of them, at hash modulo CENSUS_SEEN_N. */
const uint32_t *census_seen(const struct census *c);

/* Ids of class 0 below it are the standard types: not counted one by one. */
#define CENSUS_STANDARD_N 64

/* Types that are counted. */
static inline bool census_counts_type(object_type_id type)
{
    return (type & 3) != 0 || type >> 2 >= CENSUS_STANDARD_N;
}

/* Does e name nothing that is counted but its app? (More kinds could be told; these are nearly all
 * events.) */
static inline bool census_app_only(const struct event *e)
{
    return e->kind == EV_API_CALL ||
           (e->kind >= EV_RECORD_CREATED && e->kind <= EV_RECORD_ASSOCIATED &&
            !census_counts_type(e->object_type));
}

/* Something that was admitted did not become durable, or things have expired: exact sets are made
 * anew when they are needed. */
void census_forget(struct census *c);

/* The value of an event in the census of a kind; false: it names none. */
bool census_value(const struct event *e, enum census_kind kind, uint64_t *out);

uint64_t census_connection(uint64_t app, uint64_t user);

const char *census_name(enum census_kind kind); /* "apps" */
uint32_t census_limit(const struct census *c, enum census_kind kind);

#endif
