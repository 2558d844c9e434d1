/* Slots and their memory. A small ZeroMQ message keeps its bytes inside the handle itself, so
 * moving a handle moves them: the frame is re-pointed here and nowhere else. */
#include "engine/ingest/group.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum status group_new(struct group **out)
{
    struct group *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return ST_NO_MEMORY;
    g->last = &g->first;
    *out = g;
    return ST_OK;
}

static void frames_free(struct group *g)
{
    for (struct slot *s = g->first; s != NULL; s = s->next)
        zmsg_free(&s->msg);
}

void group_free(struct group **gp)
{
    struct group *g = *gp;

    if (g == NULL)
        return;
    frames_free(g);
    census_log_fini(&g->census);
    arena_fini(&g->arena);
    free(g);
    *gp = NULL;
}

/* Take m over into s. */
static void frame_take(struct slot *s, struct zmsg *m)
{
    uintptr_t data = (uintptr_t)m->data, space = (uintptr_t)m->space;

    s->msg = *m;
    if (data >= space && data - space < sizeof(m->space))
        s->msg.data = s->msg.space + (data - space);
    s->frame = (struct str){s->msg.data, s->msg.bytes};
    *m = (struct zmsg){0};
}

struct slot *group_add(struct group *g, struct zmsg *m, struct str frame)
{
    struct slot *s = arena_alloc(&g->arena, sizeof(*s));

    if (s == NULL)
        return NULL;
    if (m != NULL) {
        frame_take(s, m);
    } else {
        s->frame = arena_str(&g->arena, frame);
        if (s->frame.p == NULL)
            return NULL;
    }
    *g->last = s;
    g->last = &s->next;
    g->n++;
    g->bytes += s->frame.n;
    return s;
}

void group_reset(struct group *g)
{
    frames_free(g);
    arena_reset(&g->arena);
    g->first = NULL;
    g->last = &g->first;
    g->n = 0;
    g->bytes = 0;
    g->events = 0;
    g->census.n = 0;
    g->status = ST_OK;
}

struct str group_text(struct group *g, const char *fmt, ...)
{
    char text[256];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (n < 0)
        return (struct str){0};
    if ((size_t)n >= sizeof(text))
        n = sizeof(text) - 1;
    return arena_str(&g->arena, (struct str){text, (size_t)n});
}

void slot_reject(struct group *g, struct slot *s, uint32_t i, enum status code, struct str message)
{
    if (!batch_reject(&s->batch, &g->arena, i, code, message))
        s->batch.verdict[i] = (uint8_t)code;
}

void slot_refuse(struct slot *s, enum status code, struct str message)
{
    s->stored = false;
    s->outcome = (struct outcome){.status = code, .message = message};
}
