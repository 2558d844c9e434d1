/* The sketch itself: exact hashes, registers, and the estimate. */
#include "aggregators/distinct.h"

#include "aggregators/value.h"
#include "engine/base/check.h"

#include <math.h>
#include <stdlib.h>

void sketch_fini(struct sketch *s)
{
    free(s->hashes);
    free(s->registers);
    *s = (struct sketch){0};
}

static void register_add(uint8_t *registers, uint64_t hash)
{
    const uint64_t rest = hash << SKETCH_P;
    const uint8_t rank = (uint8_t)(rest ? __builtin_clzll(rest) + 1 : 64 - SKETCH_P + 1);
    uint8_t *r = &registers[hash >> (64 - SKETCH_P)];
    if (rank > *r)
        *r = rank;
}

static void to_registers(struct sketch *s)
{
    s->registers = calloc(1, SKETCH_REGISTERS);
    CHECK(s->registers);
    for (size_t i = 0; i < s->hashes_n; i++)
        register_add(s->registers, s->hashes[i]);
    s->hashes_n = 0;
}

void sketch_add(struct sketch *s, uint64_t hash)
{
    if (s->registers) {
        register_add(s->registers, hash);
        return;
    }
    if (s->hashes_n == s->hashes_cap) {
        s->hashes_cap = s->hashes_cap ? s->hashes_cap * 2 : 64;
        s->hashes = realloc(s->hashes, s->hashes_cap * sizeof *s->hashes);
        CHECK(s->hashes);
    }
    s->hashes[s->hashes_n++] = hash;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void sketch_settle(struct sketch *s)
{
    if (s->registers || s->hashes_n < 2)
        return;
    qsort(s->hashes, s->hashes_n, sizeof *s->hashes, by_value);
    size_t n = 1;
    for (size_t i = 1; i < s->hashes_n; i++)
        if (s->hashes[i] != s->hashes[n - 1])
            s->hashes[n++] = s->hashes[i];
    s->hashes_n = n;
}

enum status sketch_load(struct sketch *s, struct span value)
{
    struct reader r;
    if (value_open(value, &r))
        return ST_CORRUPT;
    const uint8_t form = read_u8(&r);
    if (form == 0 && reader_left(&r) % 8 == 0) {
        while (reader_left(&r))
            sketch_add(s, read_be(&r, 8));
        return ST_OK;
    }
    if (form != 1 || reader_left(&r) != SKETCH_PACKED)
        return ST_CORRUPT;
    if (!s->registers)
        to_registers(s);
    for (unsigned i = 0; i < SKETCH_REGISTERS; i += 4, r.p += 3) {
        const uint32_t four = (uint32_t)r.p[0] | (uint32_t)r.p[1] << 8 | (uint32_t)r.p[2] << 16;
        for (unsigned k = 0; k < 4; k++) {
            const uint8_t rank = (four >> (6 * k)) & 63;
            if (rank > s->registers[i + k])
                s->registers[i + k] = rank;
        }
    }
    return ST_OK;
}

void sketch_store(struct sketch *s, struct buf *to)
{
    sketch_settle(s);
    if (!s->registers && s->hashes_n > SKETCH_EXACT_MAX)
        to_registers(s);
    value_begin(to);
    buf_u8(to, s->registers != NULL);
    if (!s->registers)
        for (size_t i = 0; i < s->hashes_n; i++)
            buf_be(to, s->hashes[i], 8);
    else
        for (unsigned i = 0; i < SKETCH_REGISTERS; i += 4) {
            const uint8_t *r = s->registers + i;
            const uint32_t four =
                r[0] | (uint32_t)r[1] << 6 | (uint32_t)r[2] << 12 | (uint32_t)r[3] << 18;
            buf_u8(to, (uint8_t)four);
            buf_u8(to, (uint8_t)(four >> 8));
            buf_u8(to, (uint8_t)(four >> 16));
        }
    value_seal(to);
}

/* Ertl's sigma: the share of registers that are still zero. */
static double sigma(double x)
{
    if (x == 1.0)
        return INFINITY;
    double y = 1.0, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

/* Ertl's tau: the share of registers that are full. */
static double tau(double x)
{
    if (x == 0.0 || x == 1.0)
        return 0.0;
    double y = 1.0, z = 1.0 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
    } while (z != before);
    return z / 3.0;
}

static uint64_t estimate(const uint8_t *registers)
{
    enum { Q = 64 - SKETCH_P };
    uint32_t histogram[Q + 2] = {0};
    for (unsigned i = 0; i < SKETCH_REGISTERS; i++)
        histogram[registers[i] <= Q + 1 ? registers[i] : Q + 1]++;
    const double m = SKETCH_REGISTERS;
    double z = m * tau(1.0 - histogram[Q + 1] / m);
    for (int k = Q; k >= 1; k--)
        z = 0.5 * (z + histogram[k]);
    z += m * sigma(histogram[0] / m);
    return (uint64_t)llround(m * m / (2.0 * log(2.0)) / z);
}

void sketch_count(struct sketch *s, struct distinct *out)
{
    sketch_settle(s);
    out->exact = s->registers == NULL;
    out->records = s->registers ? estimate(s->registers) : s->hashes_n;
}
