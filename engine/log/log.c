/* The log as one LMDB table: a group is one block or several, each a value under the position of
 * its first entry.
 *
 *   key      position, 8 bytes big-endian
 *   value    0  checksum   8   XXH3 of all that follows
 *            8  bytes      8   frame bytes ever appended, this block's included
 *           16  positions  4   taken by the block
 *           20  entries    4
 *           24  entry ...      varint events, varint zigzag(received_ms - that of the entry
 * before), varint frame bytes, varint faults, faults x varint (index - index of the fault before),
 * frame
 *
 * Example, one entry of one event, frame of 3 bytes, received at 5 ms, at the start of a log:
 *   <checksum> 0000000000000003 00000001 00000001 01 0a 03 00 <frame>
 *
 * Blocks of one size are what LMDB finds room for without a search (README.md). */
#include "engine/log/log.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"

#define KEY_BYTES    8
#define HEAD_BYTES   24
#define VARINT_BYTES 10

/* A block of several entries takes up to 16 pages of LMDB; a larger entry is a block alone. */
#define PAGE_BYTES      4096
#define PAGE_HEAD_BYTES 16
#define BLOCK_BYTES     (16 * PAGE_BYTES - PAGE_HEAD_BYTES)

static size_t varint_bytes(uint64_t v)
{
    size_t n = 1;

    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

struct head {
    uint64_t position;
    uint64_t bytes;
    uint32_t positions_n;
    uint32_t entries_n;
};

/* The head of the block where c stands. False: not one of ours. */
static bool head_read(const struct cur *c, struct head *out)
{
    const uint8_t *p = c->val.p;

    if (c->key.n != KEY_BYTES || c->val.n < HEAD_BYTES)
        return false;
    *out = (struct head){
        .position = get_be(c->key.p, KEY_BYTES),
        .bytes = get_be(p + 8, 8),
        .positions_n = (uint32_t)get_be(p + 16, 4),
        .entries_n = (uint32_t)get_be(p + 20, 4),
    };
    return out->entries_n > 0 && out->positions_n >= out->entries_n &&
           out->position <= UINT64_MAX - out->positions_n;
}

bool log_range(struct txn *t, unsigned table, struct log_range *out)
{
    struct cur c;
    struct head head;
    bool ok = true;

    *out = (struct log_range){.first = LOG_FIRST, .end = LOG_FIRST};
    cur_open(t, table, &c);
    if (cur_last(&c)) {
        ok = head_read(&c, &head);
        if (ok) {
            out->end = head.position + head.positions_n;
            out->bytes = head.bytes;
            ok = cur_first(&c) && head_read(&c, &head);
            out->first = head.position;
        }
        if (!ok)
            txn_fail(t, ST_CORRUPT);
    }
    cur_close(&c);
    return ok && t->status == ST_OK;
}

/* ---- append ---- */

/* Index of the next verdict that is not 0, from i on; n when there is none. */
static uint32_t next_fault(const uint8_t *verdict, uint32_t i, uint32_t n)
{
    while (i < n && verdict[i] == 0)
        i++;
    return i;
}

static size_t entry_bytes(const struct log_entry *e, int64_t before_ms)
{
    size_t bytes = varint_bytes(e->n) + varint_bytes(zigzag(e->received_ms - before_ms)) +
                   varint_bytes(e->frame.n) + varint_bytes(e->faults_n) + e->frame.n;
    uint32_t before = 0, at = 0;

    for (uint32_t i = 0; i < e->faults_n; i++, at++) {
        at = next_fault(e->verdict, at, e->n);
        bytes += varint_bytes(at - before);
        before = at;
    }
    return bytes;
}

static uint8_t *entry_write(const struct log_entry *e, int64_t before_ms, uint8_t *p)
{
    uint32_t before = 0, at = 0;

    p = put_varint(p, e->n);
    p = put_varint(p, zigzag(e->received_ms - before_ms));
    p = put_varint(p, e->frame.n);
    p = put_varint(p, e->faults_n);
    for (uint32_t i = 0; i < e->faults_n; i++, at++) {
        at = next_fault(e->verdict, at, e->n);
        CHECK(at < e->n);
        p = put_varint(p, at - before);
        before = at;
    }
    memcpy(p, e->frame.p, e->frame.n);
    return p + e->frame.n;
}

/* How many entries, from the first on, make the next block; *bytes: its size. */
static uint32_t block_fill(const struct log_entry *entries, uint32_t n, size_t *bytes)
{
    int64_t before_ms = 0;
    uint32_t i = 0;

    *bytes = HEAD_BYTES;
    for (; i < n; i++) {
        size_t more = entry_bytes(&entries[i], before_ms);

        if (i > 0 && *bytes + more > BLOCK_BYTES)
            break;
        *bytes += more;
        before_ms = entries[i].received_ms;
    }
    return i;
}

/* Write n entries as the block at the end of *range, which moves. */
static void block_write(struct log_entry *entries, uint32_t n, struct log_range *range,
                        uint8_t *value, size_t bytes)
{
    uint64_t position = range->end;
    int64_t before_ms = 0;
    uint8_t *p = value + HEAD_BYTES;

    for (uint32_t i = 0; i < n; i++) {
        CHECK(entries[i].n > 0);
        entries[i].position = position;
        position += entries[i].n;
        range->bytes += entries[i].frame.n;
        p = entry_write(&entries[i], before_ms, p);
        before_ms = entries[i].received_ms;
    }
    CHECK(p == value + bytes);
    CHECK(position - range->end <= UINT32_MAX);
    put_be(value + 8, range->bytes, 8);
    put_be(value + 16, position - range->end, 4);
    put_be(value + 20, n, 4);
    put_be(value, hash64(value + 8, bytes - 8), 8);
    range->end = position;
}

uint32_t log_append(struct txn *t, unsigned table, struct log_range *range,
                    struct log_entry *entries, uint32_t entries_n)
{
    uint32_t blocks = 0;
    uint8_t key[KEY_BYTES];

    CHECK(entries_n > 0);
    for (uint32_t n; entries_n > 0; entries += n, entries_n -= n, blocks++) {
        size_t bytes;
        uint8_t *value;

        n = block_fill(entries, entries_n, &bytes);
        put_be(key, range->end, KEY_BYTES);
        value = txn_reserve(t, table, key, KEY_BYTES, bytes, true);
        if (value == NULL)
            break;
        block_write(entries, n, range, value, bytes);
    }
    return blocks;
}

uint32_t log_trim(struct txn *t, unsigned table, struct log_range *range, uint64_t below,
                  uint32_t blocks_max)
{
    struct head head;
    struct cur c;
    uint32_t n = 0;

    if (range->first >= below)
        return 0;
    cur_open(t, table, &c);
    (void)cur_first(&c); /* c.on says the same */
    while (n < blocks_max && c.on) {
        if (!head_read(&c, &head)) {
            txn_fail(t, ST_CORRUPT);
            break;
        }
        range->first = head.position;
        if (head.position + head.positions_n > below ||
            head.position + head.positions_n == range->end)
            break;
        cur_del(&c);
        range->first += head.positions_n;
        n++;
    }
    cur_close(&c);
    return n;
}

/* ---- read ---- */

static bool corrupt(struct log_reader *r, uint64_t position, const char *what)
{
    text_fmt(r->why, sizeof r->why, "the log's block at position %llu %s",
             (unsigned long long)position, what);
    txn_fail(r->cur.txn, ST_CORRUPT);
    return false;
}

/* Take up the block where the cursor stands. */
static bool block_begin(struct log_reader *r)
{
    const uint8_t *p = r->cur.val.p;
    struct head head;

    if (!head_read(&r->cur, &head))
        return corrupt(r, r->block_end, "has no valid head");
    if (r->block_end != UINT64_MAX && head.position != r->block_end)
        return corrupt(r, r->block_end, "is missing");
    if (get_be(p, 8) != hash64(p + 8, r->cur.val.n - 8))
        return corrupt(r, head.position, "does not match its checksum");
    r->at = reader_of(p + HEAD_BYTES, r->cur.val.n - HEAD_BYTES);
    r->left = head.entries_n;
    r->position = head.position;
    r->block_end = head.position + head.positions_n;
    r->received_ms = 0;
    return true;
}

void log_read(struct txn *t, unsigned table, uint64_t from, struct log_reader *out)
{
    uint8_t key[KEY_BYTES];

    CHECK(from < UINT64_MAX);
    *out = (struct log_reader){.from = from, .block_end = UINT64_MAX};
    cur_open(t, table, &out->cur);
    put_be(key, from + 1, KEY_BYTES);
    /* The block that holds `from` begins at or before it. */
    if (cur_seek_before(&out->cur, key, KEY_BYTES))
        (void)block_begin(out); /* the transaction has failed otherwise */
}

static bool entry_read(struct log_reader *r, struct log_entry *out)
{
    struct reader *at = &r->at;
    uint64_t n = read_varint(at);
    int64_t received_ms = (int64_t)((uint64_t)r->received_ms + (uint64_t)unzigzag(read_varint(at)));
    uint64_t frame_bytes = read_varint(at);
    uint64_t faults_n = read_varint(at);
    const uint8_t *faults = at->p;
    const uint8_t *frame;

    if (n == 0 || n > r->block_end - r->position || faults_n > n)
        return corrupt(r, r->position, "has an impossible entry");
    for (uint64_t i = 0; i < faults_n && !at->bad; i++)
        (void)read_varint(at); /* checked in log_verdicts */
    *out = (struct log_entry){
        .position = r->position,
        .received_ms = received_ms,
        .n = (uint32_t)n,
        .faults_n = (uint32_t)faults_n,
        .faults = reader_of(faults, (size_t)(at->p - faults)),
    };
    frame = read_span(at, frame_bytes);
    if (at->bad)
        return corrupt(r, r->position, "ends inside an entry");
    out->frame = (struct str){(const char *)frame, frame_bytes};
    r->position += n;
    r->received_ms = received_ms;
    r->left--;
    return true;
}

bool log_next(struct log_reader *r, struct log_entry *out)
{
    do {
        while (r->left == 0) {
            if (!r->cur.on || r->cur.txn->status != ST_OK)
                return false;
            if (r->position != r->block_end)
                return corrupt(r, r->position, "has fewer events than it says");
            if (!cur_next(&r->cur) || !block_begin(r))
                return false;
        }
        if (!entry_read(r, out))
            return false;
    } while (out->position < r->from);
    return true;
}

void log_read_end(struct log_reader *r)
{
    cur_close(&r->cur);
}

bool log_verdicts(const struct log_entry *e, uint8_t *verdict)
{
    struct reader faults = e->faults;
    uint64_t at = 0;

    memset(verdict, 0, e->n);
    for (uint32_t i = 0; i < e->faults_n; i++) {
        uint64_t step = read_varint(&faults);

        if (faults.bad || step >= e->n - at || (i > 0 && step == 0))
            return false;
        at += step;
        verdict[at] = 1;
    }
    return true;
}
