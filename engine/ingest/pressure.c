/* Who may read. Acknowledged peers are held back by not reading them, and once that has lasted they
 * are told to wait; PUSH peers are only ever held back. */
#include "engine/ingest/state.h"

#include "engine/base/check.h"

bool ingest_clock_ok(struct ingest *in)
{
    const struct clock *now = loop_clock(in->loop);

    if (now->mono_ms == in->gate_asked.mono_ms && now->wall_ms == in->gate_asked.wall_ms)
        return !in->gate.tripped;
    in->gate_asked = *now;
    return clock_gate_step(&in->gate, now);
}

enum status ingest_standing(struct ingest *in)
{
    if (in->stopping)
        return ST_SHUTTING_DOWN;
    if (in->degraded)
        return ST_IO_ERROR;
    if (!ingest_clock_ok(in))
        return ST_CLOCK_SUSPECT;
    if (in->busy)
        return ST_BUSY;
    return ST_OK;
}

static uint64_t events_in_flight(const struct ingest *in)
{
    return in->open->events + (in->writing != NULL ? in->writing->events : 0) +
           (in->finishing != NULL ? in->finishing->events : 0);
}

/* Frames and the events they were decoded to. */
static uint64_t bytes_in_flight(const struct ingest *in)
{
    return in->open->bytes + (in->writing != NULL ? in->writing->bytes : 0) +
           (in->finishing != NULL ? in->finishing->bytes : 0) +
           events_in_flight(in) * sizeof(struct event);
}

static void set_paused(struct ingest *in, enum ingest_transport transport, bool paused)
{
    if (in->paused[transport] == paused)
        return;
    in->paused[transport] = paused;
    for (uint32_t i = 0; i < in->on_pause_n; i++)
        if (in->on_pause[i].transport == transport)
            in->on_pause[i].fn(in->on_pause[i].arg, paused);
}

static bool update_full(struct ingest *in)
{
    bool full = checkpoint_is_full(&in->checkpoint, events_in_flight(in));
    int64_t mono_ms = loop_clock(in->loop)->mono_ms;

    if (!full)
        in->full_mono_ms = 0;
    else if (in->full_mono_ms == 0)
        in->full_mono_ms = mono_ms;
    in->busy = full && mono_ms - in->full_mono_ms >= in->options.busy_after_ms;
    return full;
}

void ingest_pressure(struct ingest *in)
{
    bool full = update_full(in);
    bool hold = in->open->bytes >= in->options.group_bytes_max ||
                bytes_in_flight(in) >= in->options.inflight_bytes_max;

    set_paused(in, INGEST_ZMQ, (full && !in->busy) || hold);
    set_paused(in, INGEST_HTTP, (full && !in->busy) || hold);
    set_paused(in, INGEST_PUSH, full || hold || ingest_standing(in) != ST_OK);
}

bool ingest_may_read(const struct ingest *in, enum ingest_transport transport)
{
    CHECK(transport < INGEST_TRANSPORT_N);
    return !in->paused[transport];
}

void ingest_on_pause(struct ingest *in, enum ingest_transport transport,
                     void (*fn)(void *arg, bool paused), void *arg)
{
    CHECK(in->on_pause_n < LISTENERS_MAX);
    in->on_pause[in->on_pause_n++] = (struct pause_listener){fn, arg, transport};
}
