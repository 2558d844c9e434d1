/* Encodings there and back, at the edges and cut short everywhere; buffers at their ceiling. */
#include "engine/base/bytes.h"
#include "engine/base/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/hash.h"

/* Values around every power of two, which is where lengths change. */
static uint64_t edge(unsigned i)
{
    return (UINT64_C(1) << (i / 3 % 64)) + i % 3 - 1;
}
#define EDGES_N (64 * 3)

static void varint_there_and_back(void **state)
{
    (void)state;
    struct buf b = buf_of(64);
    for (unsigned i = 0; i < EDGES_N + 10000; i++) {
        uint64_t v = i < EDGES_N ? edge(i) : hash_mix(i) >> (i % 64);
        buf_reset(&b);
        buf_varint(&b, v);
        unsigned bits = v == 0 ? 1 : 64 - (unsigned)__builtin_clzll(v);
        assert_int_equal(b.n, (bits + 6) / 7);
        struct reader r = reader_of(b.p, b.n);
        assert_true(read_varint(&r) == v);
        assert_true(!r.bad && reader_left(&r) == 0);
        for (size_t cut = 0; cut < b.n; cut++) {
            r = reader_of(b.p, cut);
            assert_true(read_varint(&r) == 0 && r.bad);
        }
    }
    buf_fini(&b);
}

static void varint_rows(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"\x00", 1, true, 0},
        {"\x7f", 1, true, 127},
        {"\x80\x01", 2, true, 128},
        {"\xac\x02", 2, true, 300},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true, UINT64_MAX},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false, 0},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, false, 0},
        {"\x80", 1, false, 0},
        {"", 0, false, 0},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct reader r = reader_of(rows[i].bytes, rows[i].n);
        assert_true(read_varint(&r) == rows[i].value);
        assert_int_equal(!r.bad, rows[i].ok);
    }
}

static void ordered_rows(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t n;
    } rows[] = {
        {0, "\x00", 1},
        {1, "\x01\x01", 2},
        {255, "\x01\xff", 2},
        {256, "\x02\x01\x00", 3},
        {WIRE_INT_MAX, "\x07\x1f\xff\xff\xff\xff\xff\xff", 8},
        {UINT64_MAX, "\x08\xff\xff\xff\xff\xff\xff\xff\xff", 9},
    };
    uint8_t p[9];
    for (size_t i = 0; i < N_OF(rows); i++) {
        assert_int_equal(put_ordered(p, rows[i].value) - p, rows[i].n);
        assert_memory_equal(p, rows[i].bytes, rows[i].n);
    }
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"", 0},
               {"\x09", 1},
               {"\x01", 1},
               {"\x01\x00", 2},
               {"\x02\x01", 2},
               {"\x02\x00\x01", 3},
               {"\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01", 10}};
    for (size_t i = 0; i < N_OF(bad); i++) {
        struct reader r = reader_of(bad[i].bytes, bad[i].n);
        assert_true(read_ordered(&r) == 0 && r.bad);
    }
}

static int key_order(uint64_t a, uint64_t b)
{
    uint8_t pa[9], pb[9];
    size_t na = (size_t)(put_ordered(pa, a) - pa), nb = (size_t)(put_ordered(pb, b) - pb);
    int c = memcmp(pa, pb, na < nb ? na : nb);
    return c != 0 ? (c > 0) - (c < 0) : (na > nb) - (na < nb);
}

static void ordered_sorts_as_numbers_do(void **state)
{
    (void)state;
    struct buf b = buf_of(64);
    for (unsigned i = 0; i < EDGES_N; i++) {
        for (unsigned j = 0; j < EDGES_N; j++)
            assert_int_equal(key_order(edge(i), edge(j)),
                             (edge(i) > edge(j)) - (edge(i) < edge(j)));
        buf_reset(&b);
        buf_ordered(&b, edge(i));
        struct reader r = reader_of(b.p, b.n);
        assert_true(read_ordered(&r) == edge(i) && !r.bad && reader_left(&r) == 0);
    }
    buf_fini(&b);
}

static void big_endian_there_and_back(void **state)
{
    (void)state;
    struct buf b = buf_of(64);
    for (unsigned bytes_n = 1; bytes_n <= 8; bytes_n++) {
        uint64_t v = UINT64_C(0x0123456789abcdef) >> (64 - 8 * bytes_n);
        buf_reset(&b);
        buf_be(&b, v, bytes_n);
        assert_int_equal(b.n, bytes_n);
        assert_int_equal(b.p[0], v >> (8 * (bytes_n - 1)));
        struct reader r = reader_of(b.p, b.n);
        assert_true(read_be(&r, bytes_n) == v && !r.bad);
        r = reader_of(b.p, b.n - 1);
        assert_true(read_be(&r, bytes_n) == 0 && r.bad);
    }
    buf_fini(&b);
}

static void strings_there_and_cut(void **state)
{
    (void)state;
    struct buf b = buf_of(1024);
    buf_str(&b, STR(""));
    buf_str(&b, STR("a\0b"));
    struct reader r = reader_of(b.p, b.n);
    struct str empty = read_str(&r), three = read_str(&r);
    assert_true(!r.bad && empty.n == 0 && str_eq(three, STR("a\0b")));
    assert_ptr_equal(three.p, b.p + 2); /* borrowed, not copied */
    for (size_t cut = 1; cut < b.n; cut++) {
        r = reader_of(b.p, cut);
        (void)read_str(&r);
        assert_true(read_str(&r).p == NULL && r.bad);
    }
    /* A length near 2^64 must not wrap the comparison. */
    r = reader_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xyz", 13);
    assert_true(read_str(&r).p == NULL && r.bad);
    buf_fini(&b);
}

static void fault_of_a_reader_sticks(void **state)
{
    (void)state;
    struct reader r = reader_of("abc", 3);
    assert_null(read_span(&r, 4));
    assert_true(r.bad);
    assert_int_equal(read_u8(&r), 0);
    assert_true(read_varint(&r) == 0 && read_be(&r, 1) == 0 && read_ordered(&r) == 0);
    assert_null(read_span(&r, 0));
    assert_int_equal(reader_left(&r), 0);
}

static void buffer_stops_at_its_ceiling(void **state)
{
    (void)state;
    static const size_t ceilings[] = {1, 2, 255, 256, 257, 1000, 4096};
    for (size_t i = 0; i < N_OF(ceilings); i++) {
        struct buf b = buf_of(ceilings[i]);
        for (size_t n = 0; n < ceilings[i]; n++)
            buf_u8(&b, (uint8_t)n);
        assert_true(!b.bad && b.n == ceilings[i] && b.cap <= b.cap_max);
        buf_u8(&b, 0);
        assert_true(b.bad && b.n == ceilings[i]);
        assert_int_equal(b.p[b.n - 1], (uint8_t)(ceilings[i] - 1));
        buf_put(&b, "", 0);
        assert_true(b.bad);
        buf_reset(&b);
        assert_true(!b.bad && b.n == 0);
        buf_put(&b, "x", 1);
        assert_true(!b.bad && b.n == 1);
        buf_fini(&b);
        assert_true(b.p == NULL && b.cap == 0 && b.cap_max == ceilings[i]);
    }
}

/* A put that does not fit writes nothing of it; later ones are dropped, smaller or not. */
static void buffer_fault_sticks(void **state)
{
    (void)state;
    struct buf b = buf_of(4);
    buf_put(&b, "abc", 3);
    buf_put(&b, "de", 2);
    assert_true(b.bad && b.n == 3);
    buf_u8(&b, 'd');
    buf_varint(&b, 1);
    buf_str(&b, STR(""));
    assert_int_equal(b.n, 3);
    assert_false(buf_room(&b, 0));
    buf_reset(&b);
    assert_false(buf_room(&b, SIZE_MAX));
    buf_fini(&b);
    buf_fini(NULL);
    struct buf none = {.cap_max = 0};
    buf_u8(&none, 1);
    assert_true(none.bad && none.p == NULL);
}

static void wide_value_fits_exactly(void **state)
{
    (void)state;
    struct buf b = buf_of(2);
    buf_varint(&b, 300); /* two bytes, though ten would be reserved by a lazy writer */
    assert_true(!b.bad && b.n == 2);
    buf_fini(&b);
}

static void a_lean_reset_gives_idle_memory_back(void **state)
{
    (void)state;
    struct buf b = buf_of((size_t)8 << 20);
    assert_true(buf_room(&b, (size_t)4 << 20));
    b.n = (size_t)4 << 20;
    buf_reset_lean(&b); /* it was needed */
    assert_true(b.n == 0 && b.cap >= (size_t)4 << 20);
    buf_u8(&b, 'x');
    buf_reset_lean(&b);
    assert_true(b.n == 0 && b.cap == 0 && b.p == NULL);
    buf_u8(&b, 'y');
    buf_reset_lean(&b); /* a small one is kept */
    assert_true(b.cap > 0 && b.cap_max == (size_t)8 << 20);
    buf_fini(&b);
}

/* Short text, text that is longer than any room set aside, and none that does not fit whole. */
static void formatted_text_is_whole(void **state)
{
    (void)state;
    char want[1001];
    struct buf b = buf_of(1100);
    memset(want, 'x', 1000);
    want[1000] = '\0';
    buf_fmt(&b, "%s-%d", "a", 7);
    assert_int_equal(b.n, 3);
    assert_memory_equal(b.p, "a-7", 3);
    buf_fmt(&b, "%s!", want);
    assert_int_equal(b.n, 1004);
    assert_memory_equal(b.p + 3, want, 1000);
    assert_int_equal(b.p[1003], '!');
    buf_fmt(&b, "%s", want);
    assert_true(b.bad && b.n == 1004);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varint_there_and_back),
        cmocka_unit_test(varint_rows),
        cmocka_unit_test(ordered_rows),
        cmocka_unit_test(ordered_sorts_as_numbers_do),
        cmocka_unit_test(big_endian_there_and_back),
        cmocka_unit_test(strings_there_and_cut),
        cmocka_unit_test(fault_of_a_reader_sticks),
        cmocka_unit_test(buffer_stops_at_its_ceiling),
        cmocka_unit_test(buffer_fault_sticks),
        cmocka_unit_test(wide_value_fits_exactly),
        cmocka_unit_test(formatted_text_is_whole),
        cmocka_unit_test(a_lean_reset_gives_idle_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
