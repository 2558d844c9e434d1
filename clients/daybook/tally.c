#include "clients/daybook/tally.h"

#include <string.h>

#include "engine/base/text.h"

/* The row of a code; the last row gathers what no row is left for. */
static struct tally_reason *row_of(struct tally *t, const char *code)
{
    size_t i = 0;
    for (; i < TALLY_REASONS_MAX - 1 && t->rejected_by[i].n > 0; i++)
        if (strcmp(t->rejected_by[i].code, code) == 0)
            return &t->rejected_by[i];
    struct tally_reason *r = &t->rejected_by[i];
    text_fmt(r->code, sizeof r->code, "%s", i < TALLY_REASONS_MAX - 1 ? code : "other");
    return r;
}

static void reject(struct tally *t, const char *code, uint64_t n, uint64_t line,
                   const char *message)
{
    struct tally_reason *r = row_of(t, code);
    if (r->n == 0) {
        r->line = line;
        text_fmt(r->example, sizeof r->example, "%s", message);
    }
    r->n += n;
    t->rejected += n;
}

void tally_ack(struct tally *t, const struct daybook_ack *ack, uint32_t n, const uint64_t *lines)
{
    if (ack->refused) {
        reject(t, ack->code, n, lines != NULL ? lines[0] : 0, ack->message);
        return;
    }
    if (ack->implied) {
        t->unanswered += n;
        return;
    }
    t->accepted += ack->accepted;
    t->duplicate += ack->duplicate;
    for (size_t i = 0; i < ack->rejections_n; i++) {
        const struct daybook_rejection *r = &ack->rejections[i];
        reject(t, r->code, 1, lines != NULL && r->index < n ? lines[r->index] : 0, r->message);
    }
    if (ack->rejected > ack->rejections_n) /* an acknowledgement lists 100 at most */
        reject(t, "not_listed", ack->rejected - ack->rejections_n, 0, "");
}

void tally_skip(struct tally *t, const struct import_item *item)
{
    struct tally_reason *r = &t->skipped_by[item->reason];
    if (r->n++ == 0) {
        r->line = item->line;
        r->item = item->number;
        text_fmt(r->code, sizeof r->code, "%s", import_reason_name(item->reason));
        text_fmt(r->example, sizeof r->example, "%.*s", (int)item->detail.n, item->detail.p);
    }
}

uint64_t tally_skipped(const struct tally *t)
{
    uint64_t n = 0;
    for (size_t i = 0; i < IR_N; i++)
        n += t->skipped_by[i].n;
    return n;
}

static json_t *by_code(const struct tally_reason *rows, size_t n)
{
    json_t *o = json_object();
    for (size_t i = 0; i < n && o != NULL; i++)
        if (rows[i].n > 0 &&
            json_object_set_new(o, rows[i].code, json_integer((json_int_t)rows[i].n)) != 0) {
            json_decref(o);
            o = NULL;
        }
    return o;
}

json_t *tally_rejected_json(const struct tally *t)
{
    return by_code(t->rejected_by, TALLY_REASONS_MAX);
}

json_t *tally_skipped_json(const struct tally *t)
{
    return by_code(t->skipped_by, IR_N);
}
