/* rejected: events that were not accepted, from the table that ingest keeps. */
#include "engine/query/answer.h"

#define ROWS_LOOKED_AT_MAX 8000 /* for one page, however few of them the filters admit */
#define RAW_BYTES          256

struct walk {
    struct answer *a;
    uint32_t looked;
    uint64_t last; /* number of the last row looked at */
};

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < 0x20 && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r')
            return false;
    return text_is_utf8(s.p, s.n);
}

/* What was received: itself when it is text, else its bytes in hex. */
static struct str raw_text(struct str raw, char buf[static 2 * RAW_BYTES + 8])
{
    if (printable(raw))
        return raw;
    size_t n = text_fmt(buf, 8, "hex:");
    for (size_t i = 0; i < raw.n && i < RAW_BYTES; i++)
        n += text_fmt(buf + n, 4, "%02x", (unsigned)(uint8_t)raw.p[i]);
    return (struct str){buf, n};
}

static struct str or_null(struct str s)
{
    return s.n ? s : (struct str){NULL, 0};
}

static bool put(struct page *p, const struct query_rejected *r)
{
    char raw[2 * RAW_BYTES + 8];
    row_begin(p);
    row_u64(p, r->number);
    row_u64(p, (uint64_t)r->received_ms);
    row_z(p, status_wire(r->code));
    row_u64_if(p, r->has_account, r->account);
    row_u64_if(p, r->has_account, r->app);
    row_str_if(p, or_null(r->message));
    row_z(p, r->transport);
    row_str_if(p, or_null(r->key));
    row_str_if(p, or_null(r->producer));
    row_str_if(p, or_null(raw_text(r->raw, raw)));
    return row_end(p);
}

static bool admits(const struct question *q, const struct query_rejected *r)
{
    if (q->v[QUERY_REJECTED_ACCOUNT].given &&
        !(r->has_account && question_admits(q, QUERY_REJECTED_ACCOUNT, r->account)))
        return false;
    return question_admits(q, QUERY_REJECTED_CODE, r->code);
}

static bool take(void *arg, const struct query_rejected *r)
{
    struct walk *w = arg;
    struct answer *a = w->a;
    const bool wanted = admits(&a->q, r);
    if (w->looked == ROWS_LOOKED_AT_MAX || (wanted && (page_full(a->page) || !put(a->page, r)))) {
        buf_varint(answer_more(a), w->last);
        return false;
    }
    w->looked++;
    w->last = r->number;
    return true;
}

enum status view_rejected_answer(struct answer *a)
{
    struct walk w = {.a = a, .last = UINT64_MAX};
    if (a->resumed)
        w.last = read_varint(&a->cursor);
    if (a->resumed && (a->cursor.bad || reader_left(&a->cursor)))
        return answer_bad_cursor(a);
    return a->context->source->rejected(a->context->source->arg, w.last, take, &w);
}
