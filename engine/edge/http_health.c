/* Is the process alive, and does it take work? The first is answered by answering. */
#include "engine/edge/http_api_internal.h"

#include "schemas/out.h"

void health_get(void *arg, struct exchange *x)
{
    static const char text[] = "ok\n";
    (void)arg;
    struct http_reply r = {.status = 200,
                           .type = "text/plain; charset=utf-8",
                           .body = text,
                           .body_n = sizeof(text) - 1};
    http_reply(&x, &r);
}

/* Why batches are not taken now, each with its code and what to do. */
struct reason {
    bool holds;
    const char *code, *message;
};

static void put(struct buf *to, const struct reason *reasons, uint32_t n)
{
    struct out o = out_to(ENCODING_JSON, to);
    uint32_t hold = 0;
    for (uint32_t i = 0; i < n; i++)
        hold += reasons[i].holds;
    out_map(&o, 2);
    out_pair_bool(&o, "ready", hold == 0);
    out_key(&o, "reasons");
    out_array(&o, hold);
    for (uint32_t i = 0; i < n; i++) {
        if (!reasons[i].holds)
            continue;
        out_map(&o, 2);
        out_pair_z(&o, "code", reasons[i].code);
        out_pair_z(&o, "message", reasons[i].message);
        out_end(&o);
    }
    out_end(&o);
    out_end(&o);
}

void ready_get(void *arg, struct exchange *x)
{
    struct http_api *api = arg;
    struct query_status status;
    const struct ingest_status *s = facts_status(api->setup.facts, &status);
    const struct reason reasons[] = {
        {s->stopping, "shutting_down", "the engine is stopping"},
        {s->degraded, "io_error",
         "a write to the disk failed for good: reads only; restart once the disk is sound"},
        {!s->degraded && s->commit_status != ST_OK, status_wire(s->commit_status),
         "the last commit failed; batches are refused and may be sent again"},
        {s->clock_suspect, "clock_suspect",
         "the wall clock jumped: nothing is written or deleted; set the clock, or start once with "
         "clock_accept"},
        {s->busy, "busy", "batches are refused as busy until a checkpoint is done"},
    };
    const uint32_t n = sizeof(reasons) / sizeof(reasons[0]);
    bool ready = true;
    for (uint32_t i = 0; i < n; i++)
        ready &= !reasons[i].holds;
    buf_reset(&api->answer);
    put(&api->answer, reasons, n);
    struct http_reply r = {.status = ready ? 200 : 503,
                           .type = "application/json",
                           .body = api->answer.p,
                           .body_n = api->answer.n};
    http_reply(&x, &r);
}
