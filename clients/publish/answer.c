/* One walk over the top level of an answer; unknown keys are skipped. */
#include "clients/publish/answer.h"

#include "clients/publish/item.h"
#include "engine/base/check.h"

static void read_rejection(struct items *it, struct answer *a)
{
    struct daybook_rejection r = {.code = "", .message = ""};
    struct item key;
    while ((key = items_next(it)).type == ITEM_TEXT) {
        bool index = strcmp(key.text, "index") == 0;
        bool code = strcmp(key.text, "code") == 0;
        if (!index && !code && strcmp(key.text, "message") != 0) {
            items_skip(it);
            continue;
        }
        struct item v = items_next(it);
        if (index && v.type == ITEM_INT)
            r.index = (uint32_t)v.number;
        else if (!index && v.type == ITEM_TEXT)
            *(code ? &r.code : &r.message) = v.text;
        else
            it->r.bad = true;
    }
    if (a->rejections_n < N_OF(a->rejections))
        a->rejections[a->rejections_n++] = r;
}

static void read_rejections(struct items *it, struct answer *a)
{
    if (items_next(it).type != ITEM_ARRAY) {
        it->r.bad = true;
        return;
    }
    enum item_type type;
    while ((type = items_next(it).type) == ITEM_MAP)
        read_rejection(it, a);
    if (type != ITEM_END)
        it->r.bad = true;
}

/* Where a key's number goes, or NULL; *has is its presence flag, or NULL. */
static uint64_t *number_of(struct answer *a, const char *key, bool **has)
{
    const struct {
        const char *key;
        uint64_t *to;
        bool *has;
    } rows[] = {{"seq", &a->seq, &a->has_seq},
                {"accepted", &a->accepted, NULL},
                {"duplicate", &a->duplicate, NULL},
                {"rejected_n", &a->rejected, NULL},
                {"epoch", &a->epoch, &a->has_epoch},
                {"request", &a->request, &a->has_request},
                {"expected_seq", &a->expected_seq, &a->has_expected_seq},
                {"current_epoch", &a->current_epoch, &a->has_current_epoch},
                {"retry_after_ms", &a->retry_after_ms, NULL}};
    for (size_t i = 0; i < N_OF(rows); i++) {
        if (strcmp(key, rows[i].key) == 0) {
            *has = rows[i].has;
            return rows[i].to;
        }
    }
    return NULL;
}

static void read_number(struct items *it, uint64_t *to, bool *has)
{
    struct item v = items_next(it);
    if (v.type == ITEM_MAP || v.type == ITEM_ARRAY)
        it->r.bad = true;
    if (v.type != ITEM_INT)
        return; /* null, or a request token that is not ours */
    *to = v.number;
    if (has != NULL)
        *has = true;
}

/* The value of `key`; *has_ok is set by "ok". */
static void read_pair(struct items *it, struct answer *a, const char *key, bool *has_ok)
{
    bool *has = NULL;
    uint64_t *to = number_of(a, key, &has);
    if (to != NULL) {
        read_number(it, to, has);
        return;
    }
    if (strcmp(key, "rejected") == 0) {
        read_rejections(it, a);
        return;
    }
    bool ok = strcmp(key, "ok") == 0;
    bool retry = strcmp(key, "retry") == 0;
    bool code = strcmp(key, "code") == 0;
    if (!ok && !retry && !code && strcmp(key, "message") != 0) {
        items_skip(it);
        return;
    }
    struct item v = items_next(it);
    if ((ok || retry) && v.type == ITEM_BOOL)
        *(ok ? &a->ok : &a->retry) = v.number != 0;
    else if (!ok && !retry && v.type == ITEM_TEXT)
        *(code ? &a->code : &a->message) = v.text;
    else
        it->r.bad = true;
    *has_ok |= ok;
}

bool answer_read(const void *bytes, size_t n, struct buf *text, struct answer *out)
{
    struct items it;
    *out = (struct answer){.code = "", .message = ""};
    if (!items_start(&it, bytes, n, text) || items_next(&it).type != ITEM_MAP)
        return false;
    bool has_ok = false;
    struct item key;
    while ((key = items_next(&it)).type == ITEM_TEXT)
        read_pair(&it, out, key.text, &has_ok);
    return has_ok && key.type == ITEM_END && items_next(&it).type == ITEM_DONE;
}
