/* Any bytes as the engine's answer to a publisher. What is read is whole text within its bounds;
 * and whatever it says, the flow keeps its order: first <= send <= next, and nothing is settled
 * that was not sent. */
#include "tests/fuzz/fuzz.h"

#include "clients/publish/flow.h"
#include "engine/base/check.h"

#include <string.h>

static void check_text(const struct buf *text, const char *z)
{
    if (*z == 0)
        return; /* maybe the empty string that stands in for an absent one */
    CHECK(z >= (const char *)text->p && z < (const char *)text->p + text->n);
    CHECK(memchr(z, 0, text->n - (size_t)(z - (const char *)text->p)) != NULL);
}

static void check_flow(const struct answer *a)
{
    struct flow f = {.window = 8, .probe_ms = 10, .ack_timeout_ms = 100};
    flow_begin(&f, a->epoch, 1, 20, false);
    for (int i = 0; i < 6; i++)
        flow_sent(&f, 0);
    struct answer asked = *a;
    asked.request = flow_probed(&f, 1);
    const struct answer *answers[] = {a, &asked, a};
    for (size_t i = 0; i < N_OF(answers); i++) {
        uint64_t sent_end = f.sent_end;
        struct flow_result r = flow_answer(&f, answers[i], 2);
        if (r.verdict == FLOW_TAKEN || r.verdict == FLOW_REFUSED) {
            CHECK(r.through >= f.first && r.through < sent_end);
            flow_settle(&f, r.through, 3);
        }
        if (r.verdict == FLOW_EPOCH) {
            CHECK(r.cut.keep_from >= f.first && r.cut.keep_from <= f.next);
            CHECK(r.cut.lost_end <= r.cut.keep_from);
            CHECK(r.cut.epoch_min > f.epoch || f.epoch == UINT64_MAX);
        }
        CHECK(f.first <= f.send && f.send <= f.next && f.sent_end <= f.next);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf text = buf_of((size_t)16 << 20);
    struct answer a;
    if (answer_read(data, n, &text, &a)) {
        check_text(&text, a.code);
        check_text(&text, a.message);
        CHECK(a.rejections_n <= ANSWER_REJECTIONS_MAX);
        for (size_t i = 0; i < a.rejections_n; i++) {
            check_text(&text, a.rejections[i].code);
            check_text(&text, a.rejections[i].message);
        }
        check_flow(&a);
    }
    buf_fini(&text);
    return 0;
}
