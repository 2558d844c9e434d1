/* The generator draws by alias tables: one multiplication and one comparison pick one of n weighted
 * things. Every event is a template of 22 to 26 bytes whose account, app and time are patched in.
 * All integers have a fixed width, so that w and w1m weigh the same on the wire. */
#include "bench/workload.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/hash.h"
#include "schemas/event.h"

/*   97 kk ce AA AA AA AA cd PP PP cf TT TT TT TT TT TT TT TT f1 f2.. f3
 *   0  1  2  3           7  8     10 11                      19           */
#define AT_ACCOUNT     3
#define AT_APP         8
#define AT_TIME        11
#define AT_FIRST       19
#define AT_RECORD      21
#define EVENT_MAX      26
#define TEMPLATE_BYTES 32 /* copied whole; the next event overwrites the slack */
#define EVENTS_MAX     10000
#define ACCOUNTS_MAX   10000000
#define PRODUCER_MAX   64
#define ENVELOPE_MAX   160
#define TEMPLATES_MAX  64
#define RECORDS        100000 /* record ids of an account */
#define APP_SPACE      512

/* One slot of an alias table: below `threshold` the slot itself, else `other`. */
struct slot {
    uint32_t threshold;
    uint32_t other;
};

struct alias {
    struct slot *slots; /* owned */
    uint32_t n;
};

struct template
{
    uint8_t bytes[TEMPLATE_BYTES];
    uint8_t n;                                                  /* bytes of the event */
    enum { TEMPLATE_API, TEMPLATE_RECORD, TEMPLATE_APP } class; /* what f1 holds */
};

struct workload {
    struct workload_options options;
    struct alias account, app, type, template;
    struct template templates[TEMPLATES_MAX];
    uint32_t accounts; /* of the shape */
    uint8_t head[ENVELOPE_MAX];
    size_t head_n; /* bytes before the first event */
    size_t seq_at; /* offset of the 8 bytes of seq in head; 0: no envelope */
};

/* ---- tables ---- */

static enum status alias_init(struct alias *a, const double *weight, uint32_t n)
{
    double *scaled = calloc(n, sizeof *scaled);
    uint32_t *small = calloc(n, sizeof *small);
    uint32_t *large = calloc(n, sizeof *large);
    a->slots = calloc(n, sizeof *a->slots);
    a->n = n;
    enum status st = ST_NO_MEMORY;
    if (!scaled || !small || !large || !a->slots)
        goto out;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += weight[i];
    uint32_t small_n = 0, large_n = 0;
    for (uint32_t i = 0; i < n; i++) {
        a->slots[i] = (struct slot){UINT32_MAX, i};
        scaled[i] = weight[i] * n / sum;
        if (scaled[i] < 1)
            small[small_n++] = i;
        else
            large[large_n++] = i;
    }
    while (small_n > 0 && large_n > 0) {
        uint32_t s = small[--small_n], l = large[--large_n];
        a->slots[s] = (struct slot){(uint32_t)(scaled[s] * 4294967295.0), l};
        scaled[l] -= 1 - scaled[s];
        if (scaled[l] < 1)
            small[small_n++] = l;
        else
            large[large_n++] = l;
    }
    st = ST_OK;
out:
    free(scaled);
    free(small);
    free(large);
    return st;
}

static enum status alias_zipf(struct alias *a, uint32_t n, double exponent)
{
    double *weight = calloc(n, sizeof *weight);
    if (!weight)
        return ST_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        weight[i] = pow(i + 1, -exponent);
    enum status st = alias_init(a, weight, n);
    free(weight);
    return st;
}

static inline uint32_t alias_draw(const struct alias *a, uint32_t r)
{
    uint64_t x = (uint64_t)r * a->n;
    const struct slot *s = &a->slots[x >> 32];
    return (uint32_t)x < s->threshold ? (uint32_t)(x >> 32) : s->other;
}

/* ---- templates ---- */

static struct template *template_add(struct workload *w, double *weights, double weight,
                                     uint8_t kind)
{
    uint32_t n = w->template.n++;
    CHECK(n < TEMPLATES_MAX);
    struct template *t = &w->templates[n];
    weights[n] = weight;
    static const uint8_t common[AT_FIRST] = {0x97, 0, 0xce, 0, 0, 0, 0, 0xcd, 0, 0, 0xcf};
    memcpy(t->bytes, common, sizeof common);
    t->bytes[1] = kind;
    return t;
}

static void templates_api(struct workload *w, double *weights, double share)
{
    static const struct {
        uint16_t status;
        double share;
    } statuses[] = {{200, .80}, {201, .08}, {204, .04}, {404, .04}, {429, .03}, {500, .01}};
    static const struct {
        uint8_t method;
        double share;
    } methods[] = {
        {METHOD_GET, .60}, {METHOD_POST, .25}, {METHOD_PATCH, .12}, {METHOD_DELETE, .03}};
    for (size_t s = 0; s < N_OF(statuses); s++) {
        for (size_t m = 0; m < N_OF(methods); m++) {
            struct template *t =
                template_add(w, weights, share * statuses[s].share * methods[m].share, EV_API_CALL);
            t->class = TEMPLATE_API;
            t->bytes[AT_FIRST] = methods[m].method;
            t->bytes[AT_FIRST + 1] = 0xcd;
            put_be(t->bytes + AT_FIRST + 2, statuses[s].status, 2);
            t->bytes[AT_FIRST + 4] = 1; /* count */
            t->n = AT_FIRST + 5;
        }
    }
}

static void templates_record(struct workload *w, double *weights, double share)
{
    static const struct {
        uint8_t kind;
        double share;
    } actions[] = {{EV_RECORD_UPDATED, .62},
                   {EV_RECORD_CREATED, .28},
                   {EV_RECORD_DELETED, .08},
                   {EV_RECORD_MERGED, .02}};
    bool with_id = w->options.shape == WORKLOAD_WR;
    for (size_t i = 0; i < N_OF(actions); i++) {
        struct template *t = template_add(w, weights, share * actions[i].share, actions[i].kind);
        t->class = TEMPLATE_RECORD;
        t->bytes[AT_FIRST + 1] = with_id ? 0xce : 0xc0;
        t->n = with_id ? EVENT_MAX : AT_FIRST + 3;
        t->bytes[t->n - 1] = 1; /* count */
    }
}

static void templates_app(struct workload *w, double *weights, double share)
{
    for (uint8_t kind = EV_APP_INSTALLED; kind <= EV_APP_RECOVERED; kind++) {
        struct template *t = template_add(w, weights, share / 9, kind);
        t->class = TEMPLATE_APP;
        t->bytes[AT_FIRST + 1] = 0xc0; /* reason */
        t->bytes[AT_FIRST + 2] = 0xc0; /* code */
        t->n = AT_FIRST + 3;
    }
}

static enum status templates_init(struct workload *w)
{
    double weights[TEMPLATES_MAX] = {0};
    double app = w->options.shape == WORKLOAD_LIFE ? .0001 : .01;
    w->template.n = 0;
    templates_api(w, weights, .71 - app);
    templates_record(w, weights, .29);
    templates_app(w, weights, app);
    return alias_init(&w->template, weights, w->template.n);
}

/* 84 a8 producer <str> a5 epoch cf <8> a3 seq cf <8> a6 events dc <2>, or only dc <2>. */
static void head_init(struct workload *w)
{
    uint8_t *p = w->head;
    if (w->options.producer) {
        size_t n = strlen(w->options.producer);
        memcpy(p, "\x84\xa8producer\xd9", 11);
        p[11] = (uint8_t)n;
        memcpy(p + 12, w->options.producer, n);
        p += 12 + n;
        memcpy(p,
               "\xa5"
               "epoch\xcf",
               7);
        put_be(p + 7, w->options.epoch, 8);
        p += 15;
        memcpy(p, "\xa3seq\xcf", 5);
        w->seq_at = (size_t)(p + 5 - w->head);
        p += 13;
        memcpy(p,
               "\xa6"
               "events",
               7);
        p += 7;
    }
    *p++ = 0xdc;
    put_be(p, w->options.batch_events, 2);
    w->head_n = (size_t)(p + 2 - w->head);
}

enum status workload_new(const struct workload_options *options, struct workload **out)
{
    if (options->shape >= WORKLOAD_SHAPE_N || options->batch_events < 1 ||
        options->batch_events > EVENTS_MAX || options->accounts > ACCOUNTS_MAX ||
        (options->producer && strlen(options->producer) > PRODUCER_MAX))
        return ST_USAGE;
    struct workload *w = calloc(1, sizeof *w);
    if (!w)
        return ST_NO_MEMORY;
    w->options = *options;
    w->accounts = options->shape == WORKLOAD_W1M ? 1000000 : 10000;
    if (options->accounts > 0)
        w->accounts = options->accounts;
    head_init(w);
    w->options.producer = NULL; /* only borrowed */
    enum status st = templates_init(w);
    if (st == ST_OK && options->shape != WORKLOAD_W1M)
        st = alias_zipf(&w->account, w->accounts, 1.1);
    if (st == ST_OK)
        st = alias_zipf(&w->app, WORKLOAD_APPS, 1.0);
    if (st == ST_OK)
        st = alias_zipf(&w->type, WORKLOAD_TYPES, 1.1);
    if (st != ST_OK) {
        workload_free(&w);
        return st;
    }
    *out = w;
    return ST_OK;
}

void workload_free(struct workload **w)
{
    if (!*w)
        return;
    free((*w)->account.slots);
    free((*w)->app.slots);
    free((*w)->type.slots);
    free((*w)->template.slots);
    free(*w);
    *w = NULL;
}

/* ---- events ---- */

/* SplitMix64. */
static inline uint64_t draw(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return hash_mix(*state);
}

/* Ranks are scattered over the numbers, so that popular accounts are not neighbours in a table. */
uint64_t workload_account(const struct workload *w, uint32_t rank)
{
    bool even = w->options.shape == WORKLOAD_W1M;
    return 1 + (even ? rank : (uint64_t)rank * 7919 % w->accounts);
}

uint64_t workload_app(uint64_t account, uint32_t rank)
{
    return 1 + (uint64_t)rank * APP_SPACE + hash_mix(account * WORKLOAD_APPS + rank) % APP_SPACE;
}

static inline int64_t draw_time(uint64_t r, int64_t now_ms, int64_t past_ms)
{
    uint64_t share = r >> 32;
    bool today = (uint32_t)r < (uint32_t)(.9 * 4294967296.0);
    int64_t span = today ? WORKLOAD_HOUR_MS : WORKLOAD_PAST * MS_PER_DAY;
    int64_t offset = (int64_t)(share * (uint64_t)span >> 32);
    return today ? now_ms - offset : past_ms + offset;
}

size_t workload_batch(const struct workload *w, uint64_t index, int64_t now_ms, uint8_t *to)
{
    uint64_t state = hash_mix(w->options.seed + 1) ^ hash_mix(index + UINT64_C(0x5851f42d4c957f2d));
    int64_t past_ms = (day_of_ms(now_ms) - WORKLOAD_PAST) * MS_PER_DAY;
    bool even = w->options.shape == WORKLOAD_W1M;
    bool with_id = w->options.shape == WORKLOAD_WR;
    memcpy(to, w->head, w->head_n);
    if (w->seq_at)
        put_be(to + w->seq_at, index + 1, 8);
    uint8_t *p = to + w->head_n;
    for (uint32_t i = 0; i < w->options.batch_events; i++) {
        uint64_t who = draw(&state), what = draw(&state);
        uint32_t r = (uint32_t)who;
        uint32_t rank =
            even ? (uint32_t)((uint64_t)r * w->accounts >> 32) : alias_draw(&w->account, r);
        uint64_t account = workload_account(w, rank);
        const struct template *t = &w->templates[alias_draw(&w->template, (uint32_t)what)];
        memcpy(p, t->bytes, TEMPLATE_BYTES);
        put_be(p + AT_ACCOUNT, account, 4);
        put_be(p + AT_APP, workload_app(account, alias_draw(&w->app, (uint32_t)(who >> 32))), 2);
        put_be(p + AT_TIME, (uint64_t)draw_time(draw(&state), now_ms, past_ms), 8);
        uint32_t more = (uint32_t)(what >> 32);
        if (t->class == TEMPLATE_RECORD)
            p[AT_FIRST] = (uint8_t)(1 + alias_draw(&w->type, more));
        else if (t->class == TEMPLATE_APP)
            p[AT_FIRST] = (uint8_t)(1 + ((uint64_t)more * WORKLOAD_USERS >> 32));
        if (with_id && t->class == TEMPLATE_RECORD)
            put_be(p + AT_RECORD, 1 + draw(&state) % RECORDS, 4);
        p += t->n;
    }
    return (size_t)(p - to);
}

size_t workload_batch_bytes_max(const struct workload *w)
{
    return w->head_n + (size_t)w->options.batch_events * EVENT_MAX + TEMPLATE_BYTES;
}

uint32_t workload_batch_events(const struct workload *w)
{
    return w->options.batch_events;
}

uint32_t workload_accounts(const struct workload *w)
{
    return w->accounts;
}

/* ---- names ---- */

static const char *const shape_names[WORKLOAD_SHAPE_N] = {"w", "w1m", "wr", "life"};

enum status workload_shape_of(struct str name, enum workload_shape *out)
{
    for (unsigned i = 0; i < WORKLOAD_SHAPE_N; i++) {
        if (str_eq(name, str_of(shape_names[i]))) {
            *out = (enum workload_shape)i;
            return ST_OK;
        }
    }
    return ST_NOT_FOUND;
}

const char *workload_shape_name(enum workload_shape shape)
{
    CHECK(shape < WORKLOAD_SHAPE_N);
    return shape_names[shape];
}
