/* The digest is stored in the cursor, so both forms are part of the format. */
#include "engine/ingest/digest.h"

#include "engine/base/bytes.h"

#define EVENT_WORDS 12

static void strs_put(struct buf *b, const struct str *list, uint32_t n)
{
    buf_varint(b, n);
    for (uint32_t i = 0; i < n; i++)
        buf_str(b, list[i]);
}

/* What the hot part of an event does not hold. */
static struct hash128 more_digest(const struct event_more *m, struct buf *b)
{
    const struct str texts[] = {m->id,     m->object_name, m->record_text,   m->endpoint,
                                m->reason, m->code,        m->setting,       m->from,
                                m->to,     m->feature,     m->reference_key, m->reference_fields};

    buf_reset(b);
    strs_put(b, texts, N_OF(texts));
    strs_put(b, m->list, m->list_n);
    buf_varint(b, m->record_number);
    buf_varint(b, m->latency_ms);
    buf_varint(b, m->by1);
    buf_be(b, m->id_hash.hi, 8);
    buf_be(b, m->id_hash.lo, 8);
    return b->bad ? (struct hash128){0} : hash128(b->p, b->n);
}

static void event_words(const struct event *e, struct buf *scratch, uint64_t w[static EVENT_WORDS])
{
    struct hash128 more = {0};

    if (e->more != NULL)
        more = more_digest(e->more, scratch);
    w[0] = e->account;
    w[1] = e->app;
    w[2] = (uint64_t)e->time_ms;
    w[3] = e->object_type;
    w[4] = e->record_hash;
    w[5] = e->user;
    w[6] = e->count;
    w[7] = (uint64_t)e->kind | (uint64_t)e->method << 8 | (uint64_t)e->direction << 16;
    w[8] = (uint64_t)e->has_user | (uint64_t)e->has_id << 1;
    w[9] = e->status;
    w[10] = more.hi;
    w[11] = more.lo;
}

struct hash128 batch_digest(struct str frame, const struct batch *b, struct arena *a)
{
    struct buf scratch = buf_of(1 << 22);
    uint64_t *words;

    if (b->request.type == TOKEN_NONE)
        return hash128(frame.p, frame.n);
    words = arena_alloc(a, ((size_t)b->n + 1) * EVENT_WORDS * sizeof(*words));
    if (words == NULL)
        return (struct hash128){0};
    words[0] = b->n;
    words[1] = b->status;
    for (uint32_t i = 0; i < b->n; i++) {
        uint64_t *w = words + ((size_t)i + 1) * EVENT_WORDS;

        if (b->verdict[i] == 0)
            event_words(&b->ev[i], &scratch, w);
        else
            w[0] = UINT64_MAX; /* unreadable: its content is not known */
    }
    buf_fini(&scratch);
    return hash128(words, ((size_t)b->n + 1) * EVENT_WORDS * sizeof(*words));
}
