/* Frames are made by copying a prepared prefix and setting two numbers in it. */
#include "clients/publish/envelope.h"

#include "clients/publish/pack.h"

#define DIGITS_N         16 /* of 2^53-1 */
#define PREFIX_BYTES_MAX 4096u

static void buf_z(struct buf *b, const char *z)
{
    buf_put(b, z, strlen(z));
}

static void pack_number_room(struct buf *b, size_t *at)
{
    *at = b->n;
    buf_u8(b, 0xcf); /* uint 64, whatever its value */
    buf_be(b, 0, 8);
}

static void msgpack_prefix(struct envelope *env, struct str producer)
{
    struct buf *b = &env->prefix[0];
    pack_map(b, 4);
    pack_str(b, STR("producer"));
    pack_str(b, producer);
    pack_str(b, STR("epoch"));
    pack_number_room(b, &env->epoch_at[0]);
    pack_str(b, STR("seq"));
    pack_number_room(b, &env->seq_at[0]);
    pack_str(b, STR("events"));
}

/* The producer has no control characters: two escapes are all there is. */
static void json_text(struct buf *b, struct str s)
{
    buf_u8(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_u8(b, '\\');
        buf_u8(b, (uint8_t)s.p[i]);
    }
    buf_u8(b, '"');
}

static void json_number_room(struct buf *b, size_t *at)
{
    *at = b->n;
    for (int i = 0; i < DIGITS_N; i++)
        buf_u8(b, ' ');
}

static void json_prefix(struct envelope *env, struct str producer)
{
    struct buf *b = &env->prefix[1];
    buf_z(b, "{\"producer\":");
    json_text(b, producer);
    buf_z(b, ",\"epoch\":");
    json_number_room(b, &env->epoch_at[1]);
    buf_z(b, ",\"seq\":");
    json_number_room(b, &env->seq_at[1]);
    buf_z(b, ",\"events\":");
}

bool envelope_init(struct envelope *env, struct str producer)
{
    *env = (struct envelope){.prefix = {buf_of(PREFIX_BYTES_MAX), buf_of(PREFIX_BYTES_MAX)}};
    msgpack_prefix(env, producer);
    json_prefix(env, producer);
    return !env->prefix[0].bad && !env->prefix[1].bad;
}

void envelope_fini(struct envelope *env)
{
    buf_fini(&env->prefix[0]);
    buf_fini(&env->prefix[1]);
}

bool envelope_is_json(const void *body, size_t n)
{
    uint8_t c = n > 0 ? *(const uint8_t *)body : 0;
    return c == '{' || c == '[' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t envelope_frame_bytes(const struct envelope *env, bool json, size_t n)
{
    return env->prefix[json].n + n + json; /* JSON: and the closing brace */
}

static void put_number(bool json, uint8_t *to, uint64_t v)
{
    int digits_n = json ? DIGITS_N : 8;
    if (!json)
        to++; /* the tag stays */
    for (int i = digits_n - 1; i >= 0; i--) {
        if (!json)
            to[i] = (uint8_t)v;
        else
            to[i] = v != 0 || i == DIGITS_N - 1 ? (uint8_t)('0' + v % 10) : ' ';
        v = json ? v / 10 : v >> 8;
    }
}

void envelope_write(const struct envelope *env, struct str body, uint64_t epoch, uint64_t seq,
                    uint8_t *to)
{
    bool json = envelope_is_json(body.p, body.n);
    const struct buf *prefix = &env->prefix[json];
    memcpy(to, prefix->p, prefix->n);
    memcpy(to + prefix->n, body.p, body.n);
    if (json)
        to[prefix->n + body.n] = '}';
    put_number(json, to + env->epoch_at[json], epoch);
    put_number(json, to + env->seq_at[json], seq);
}

bool envelope_renumber(const struct envelope *env, uint8_t *frame, size_t n, uint64_t epoch,
                       uint64_t seq)
{
    bool json = envelope_is_json(frame, n);
    const struct buf *prefix = &env->prefix[json];
    /* What stands before the first number holds the producer's name. */
    if (n < prefix->n || memcmp(frame, prefix->p, env->epoch_at[json]) != 0)
        return false;
    put_number(json, frame + env->epoch_at[json], epoch);
    put_number(json, frame + env->seq_at[json], seq);
    return true;
}

void envelope_cursor(const struct envelope *env, uint64_t epoch, uint64_t request, struct buf *to)
{
    size_t head = env->seq_at[0] - 4; /* up to the key "seq": a3 s e q */
    size_t start = to->n;
    buf_put(to, env->prefix[0].p, head);
    pack_str(to, STR("request"));
    pack_u64(to, request);
    pack_str(to, STR("events"));
    pack_array(to, 0);
    if (!to->bad)
        put_number(false, to->p + start + env->epoch_at[0], epoch);
}
