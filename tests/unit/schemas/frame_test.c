/* Frames: what is one, what is refused as a whole, and the envelope. Every JSON text here is also
 * decoded in msgpack, with the same outcome. */
#include "tests/unit/schemas/frame_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct pairs {
    struct arena arena;
    struct buf packed;
    struct batch json, msgpack;
};

/* Decode text in both encodings; the outcomes must not differ. */
static const struct batch *decode(struct pairs *p, const char *text)
{
    arena_reset(&p->arena);
    buf_reset(&p->packed);
    frame_decode(text, strlen(text), &frame_limits_default, &p->arena, &p->json);
    assert_true(help_msgpack_of(str_of(text), &p->packed));
    frame_decode(p->packed.p, p->packed.n, &frame_limits_default, &p->arena, &p->msgpack);
    const char *why = help_batch_differs(&p->json, &p->msgpack);
    if (why != NULL)
        fail_msg("%s differs in msgpack: %s", text, why);
    return &p->json;
}

static int setup(void **state)
{
    static struct pairs p;
    p = (struct pairs){.packed = buf_of((size_t)4 << 20)};
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct pairs *p = *state;
    arena_fini(&p->arena);
    buf_fini(&p->packed);
    return 0;
}

#define CALL                                                                                       \
    "{\"type\":\"api.call\",\"account\":7,\"app\":8,\"time\":9,\"method\":\"GET\",\"status\":200}"

static void test_a_batch_is_an_event_an_array_or_an_envelope(void **state)
{
    static const struct {
        const char *text;
        uint32_t n;
        bool envelope;
    } rows[] = {
        {CALL, 1, false},
        {"[]", 0, false},
        {"[" CALL "]", 1, false},
        {"[" CALL "," CALL "]", 2, false},
        {"{\"events\":[]}", 0, true},
        {"{\"events\":[" CALL "," CALL "," CALL "]}", 3, true},
        {" \n\t\r[" CALL "] ", 1, false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        const struct batch *b = decode(*state, rows[i].text);
        assert_int_equal(b->status, ST_OK);
        assert_int_equal(b->n, rows[i].n);
        assert_int_equal(b->has_envelope, rows[i].envelope);
        assert_int_equal(b->rejects_n, 0);
        for (uint32_t e = 0; e < b->n; e++) {
            assert_int_equal(b->verdict[e], ST_OK);
            assert_int_equal(b->ev[e].kind, EV_API_CALL);
            assert_int_equal(b->ev[e].account, 7);
            assert_int_equal(b->ev[e].app, 8);
            assert_int_equal(b->ev[e].time_ms, 9);
            assert_int_equal(b->ev[e].method, METHOD_GET);
            assert_int_equal(b->ev[e].status, 200);
            assert_int_equal(b->ev[e].count, 1);
            assert_null(b->ev[e].more);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_batch_is_an_event_an_array_or_an_envelope, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
