#include "tests/sim/workload.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/bytes.h"
#include "engine/base/check.h"
#include "engine/base/text.h"
#include "tests/draw.h"

#define SIGNALS  5
#define USERS    5
#define TEXT_MAX (1 << 15)

const char *const signal_names[] = {"installed", "uninstalled", "connected", "expired", "error"};
static const uint32_t statuses[] = {200, 200, 404, 429, 503};

/* Most are of the last days; some lie on both sides of what is accepted. */
static int64_t draw_time(struct workload *w)
{
    int64_t ms = w->now_ms;

    switch (draw(w->seed, 12)) {
    case 0:
        return ms + (int64_t)draw(w->seed, 8 * 60000); /* up to 5 minutes are allowed */
    case 1:
        ms -= (int64_t)(29 + draw(w->seed, 3)) * DAY_MS;
        break;
    case 2:
        ms -= (int64_t)draw(w->seed, 30) * DAY_MS;
        break;
    case 3:
    case 4: /* the first and the last moment of a day */
        ms = ms / DAY_MS * DAY_MS - (int64_t)draw(w->seed, 30) * DAY_MS - (int64_t)draw(w->seed, 2);
        break;
    default:
        ms -= (int64_t)draw(w->seed, 3 * DAY_MS);
        break;
    }
    return ms < w->first_day * DAY_MS ? w->first_day * DAY_MS : ms;
}

static struct sim_event draw_event(struct workload *w)
{
    struct sim_event e = {
        .what = (enum what)draw(w->seed, SIGNAL + 1),
        .account = (uint32_t)draw(w->seed, ACCOUNTS),
        .app = 1 + (uint32_t)draw(w->seed, APPS - 1),
        .count = 1 + (uint32_t)draw(w->seed, 9),
        .time_ms = draw_time(w),
    };

    if (one_in(w->seed, 30))
        e.what = UNKNOWN;
    switch (e.what) {
    case CALL:
        e.type = statuses[draw(w->seed, N_OF(statuses))];
        break;
    case RECORD:
        e.app = (uint32_t)draw(w->seed, APPS);
        e.type = (uint32_t)draw(w->seed, TYPES);
        e.action = (uint32_t)draw(w->seed, ACTIONS);
        break;
    case SIGNAL:
        e.type = (uint32_t)draw(w->seed, SIGNALS);
        e.user = 1 + (uint32_t)draw(w->seed, USERS);
        break;
    case UNKNOWN:
        break;
    }
    return e;
}

static void say_event(struct buf *b, const struct sim_event *e)
{
    buf_fmt(b, "{\"account\":%llu,\"app\":%u,\"time\":%lld",
            (unsigned long long)account_numbers[e->account], e->app, (long long)e->time_ms);
    if (e->id != 0)
        buf_fmt(b, ",\"id\":\"i%u\"", e->id);
    switch (e->what) {
    case CALL:
        buf_fmt(b, ",\"type\":\"api.call\",\"method\":\"GET\",\"status\":%u,\"count\":%u}", e->type,
                e->count);
        break;
    case RECORD:
        buf_fmt(b, ",\"type\":\"record.%s\",\"object_type\":\"%s\",\"count\":%u}",
                action_names[e->action], type_names[e->type], e->count);
        break;
    case SIGNAL:
        buf_fmt(b, ",\"type\":\"app.%s\",\"user\":%u}", signal_names[e->type], e->user);
        break;
    case UNKNOWN:
        buf_fmt(b, ",\"type\":\"no.such\"}");
        break;
    }
}

static void draw_id(struct workload *w, struct sim_event *e)
{
    e->id = w->ids_used > 0 && one_in(w->seed, 3) ? 1 + (uint32_t)draw(w->seed, w->ids_used)
                                                  : ++w->ids_used;
    e->account = e->id % ACCOUNTS; /* so that an id comes again where it was */
}

static struct sim_batch *finish(struct sim_batch *b, struct buf *text)
{
    CHECK(!text->bad);
    b->frame = malloc(text->n);
    CHECK(b->frame != NULL);
    memcpy(b->frame, text->p, text->n);
    b->frame_n = (uint32_t)text->n;
    b->content = hash64(b->frame, b->frame_n);
    buf_fini(text);
    return b;
}

static struct sim_batch *batch_new(void)
{
    struct sim_batch *b = calloc(1, sizeof *b);

    CHECK(b != NULL);
    return b;
}

static void say_events(struct buf *text, const struct sim_batch *b)
{
    buf_fmt(text, "[");
    for (uint32_t i = 0; i < b->n; i++) {
        buf_fmt(text, i == 0 ? "" : ",");
        say_event(text, &b->ev[i]);
    }
    buf_fmt(text, "]");
}

static struct sim_batch *say_numbered(struct sim_batch *b)
{
    struct buf text = buf_of(TEXT_MAX);

    buf_fmt(&text, "{\"producer\":\"p%u\",\"epoch\":%llu,\"seq\":%llu,\"events\":", b->producer,
            (unsigned long long)b->epoch, (unsigned long long)b->seq);
    say_events(&text, b);
    buf_fmt(&text, "}");
    return finish(b, &text);
}

struct sim_batch *numbered_batch(struct workload *w, uint32_t p, uint64_t epoch, uint64_t seq)
{
    struct sim_batch *b = batch_new();

    b->numbered = true;
    b->producer = p;
    b->epoch = epoch;
    b->seq = seq;
    b->n = 1 + (uint32_t)draw(w->seed, one_in(w->seed, 40) ? EVENTS_MAX : 12);
    for (uint32_t i = 0; i < b->n; i++) {
        b->ev[i] = draw_event(w);
        if (one_in(w->seed, 40))
            draw_id(w, &b->ev[i]);
    }
    return say_numbered(b);
}

struct sim_batch *forged_batch(struct workload *w, const struct sim_batch *of)
{
    struct sim_batch *b = batch_new();

    b->numbered = b->forged = true;
    b->producer = of->producer;
    b->epoch = of->epoch;
    b->seq = of->seq;
    b->n = 1;
    b->ev[0] = draw_event(w);
    b->ev[0].count = 1000; /* no other batch says that */
    return say_numbered(b);
}

struct sim_batch *loose_batch(struct workload *w)
{
    struct sim_batch *b = batch_new();
    struct buf text = buf_of(TEXT_MAX);

    b->garbage = one_in(w->seed, 25);
    if (b->garbage) {
        buf_fmt(&text, "{\"events\":[{\"type\":");
        return finish(b, &text);
    }
    b->n = 1 + (uint32_t)draw(w->seed, 3);
    b->retried = w->ids;
    for (uint32_t i = 0; i < b->n; i++) {
        b->ev[i] = draw_event(w);
        if (w->ids)
            draw_id(w, &b->ev[i]);
    }
    say_events(&text, b);
    return finish(b, &text);
}

void batches_free(struct sim_batch **first)
{
    while (*first != NULL) {
        struct sim_batch *b = *first;
        *first = b->next;
        free(b->frame);
        free(b);
    }
}
