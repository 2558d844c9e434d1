/* Which apps of an account seem to do the same: those that change the same types of records in the
 * same ways, and those of the same name. That one developer made both says nothing: whoever makes
 * several apps makes them for different things.
 *
 * Behaviour is the set of (object type, action) that an app's record events of the last
 * OVERLAP_DAYS days had; two apps overlap when they share OVERLAP_PAIRS_MIN of them and
 * OVERLAP_PERCENT of all that either has. Sets are bits, so a pair of apps costs a few
 * instructions. */
#include "engine/query/inventory.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"

#define OVERLAP_DAYS      7
#define OVERLAP_PAIRS_MIN 2
#define OVERLAP_PERCENT   60
#define OVERLAP_APPS_MAX  512   /* connected apps of a window that are compared */
#define OVERLAP_CELLS_MAX 20000 /* of one day; apps behind them have no behaviour that day */
#define OVERLAP_SHOWN_MAX 8     /* duplicates named of one app */

#define WORDS_N           4 /* of a set */
#define BITS_N            (64 * WORDS_N)
#define SLOTS_N           (4 * BITS_N)

/* An app that is compared. */
struct compared {
    uint32_t row;  /* in the inventory */
    uint64_t name; /* hash of its letters and digits; 0: not known */
    uint64_t set[WORDS_N];
    uint32_t set_n; /* bits */
};

struct overlap {
    struct answer *a;
    const struct inventory *inv;
    struct compared *apps; /* ascending app */
    uint32_t apps_n;
    uint64_t *slots;  /* open table of record slots; 0: free */
    uint16_t *bits;   /* bit of each */
    uint32_t bits_n;  /* in use; over BITS_N rarer kinds of changes are left out */
    unsigned words_n; /* of a set in use */
};

/* The bit of a record slot; BITS_N: there is none left. */
static uint32_t bit_of(struct overlap *o, uint64_t slot)
{
    uint32_t i = (uint32_t)hash_mix(slot) & (SLOTS_N - 1);
    while (o->slots[i] && o->slots[i] != slot)
        i = (i + 1) & (SLOTS_N - 1);
    if (!o->slots[i]) {
        if (o->bits_n == BITS_N)
            return BITS_N;
        o->slots[i] = slot;
        o->bits[i] = (uint16_t)o->bits_n++;
    }
    return o->bits[i];
}

static void add_row(struct overlap *o, struct compared *to, const struct sheet_row *row)
{
    for (uint32_t i = 0; i < row->cells_n; i++) {
        if (!slot_is_record(row->cells[i].slot))
            continue;
        const uint32_t bit = bit_of(o, row->cells[i].slot);
        if (bit < BITS_N)
            to->set[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static void add_day(struct overlap *o, int32_t day)
{
    const struct app_summary *rows = o->inv->apps.rows;
    struct sheet sheet;
    uint32_t at = 0;
    arena_reset(o->a->scratch);
    view_sheet(&o->a->view,
               &(struct sheet_query){.account = o->a->account,
                                     .day = day,
                                     .from_app = rows[o->apps[0].row].app,
                                     .to_app = rows[o->apps[o->apps_n - 1].row].app,
                                     .cells_max = OVERLAP_CELLS_MAX},
               o->a->scratch, &sheet);
    for (uint32_t i = 0; i < sheet.rows_n; i++) {
        while (at < o->apps_n && rows[o->apps[at].row].app < sheet.rows[i].app)
            at++;
        if (at < o->apps_n && rows[o->apps[at].row].app == sheet.rows[i].app)
            add_row(o, &o->apps[at], &sheet.rows[i]);
        o->a->work += sheet.rows[i].cells_n;
    }
}

/* Letters and digits, in lower case; of other scripts all bytes. */
static uint64_t name_of(struct answer *a, uint64_t app)
{
    const struct catalogue_app *c = catalogue_get(a, app);
    char folded[256];
    size_t n = 0;
    for (size_t i = 0; c && i < c->name.n && n < sizeof folded; i++) {
        const unsigned char byte = (unsigned char)c->name.p[i];
        const bool upper = byte >= 'A' && byte <= 'Z';
        if (upper || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80)
            folded[n++] = (char)(upper ? byte + ('a' - 'A') : byte);
    }
    return n ? hash64(folded, n) : 0;
}

static bool same_name(const struct compared *x, const struct compared *y)
{
    return x->name && x->name == y->name;
}

static uint32_t bits_in(const uint64_t *set, const uint64_t *other, unsigned words_n)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < words_n; i++)
        n += (uint32_t)__builtin_popcountll(set[i] & other[i]);
    return n;
}

/* Shared bits of two sets that overlap enough; 0: they do not. */
static uint32_t shared(const struct overlap *o, const struct compared *x, const struct compared *y)
{
    if (x->set_n < OVERLAP_PAIRS_MIN || y->set_n < OVERLAP_PAIRS_MIN)
        return 0;
    const uint32_t n = bits_in(x->set, y->set, o->words_n);
    const bool enough =
        n >= OVERLAP_PAIRS_MIN && n * 100 >= (x->set_n + y->set_n - n) * OVERLAP_PERCENT;
    return enough ? n : 0;
}

static struct str text(struct answer *a, const char *z)
{
    const struct str s = arena_str(a->arena, str_of(z));
    if (!s.p)
        txn_fail(&a->view.txn, ST_NO_MEMORY);
    return s;
}

static struct str say_why(struct overlap *o, const struct compared *x, const struct compared *y)
{
    char why[80];
    const uint32_t n = bits_in(x->set, y->set, o->words_n);
    if (!shared(o, x, y))
        return text(o->a, "same name");
    text_fmt(why, sizeof why, "shares %u of %u kinds of record changes", n,
             x->set_n + y->set_n - n);
    return text(o->a, why);
}

static void find_of(struct overlap *o, const struct compared *x, struct duplicates *to)
{
    char of[OVERLAP_SHOWN_MAX * 21 + 1];
    size_t n = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < o->apps_n && found < OVERLAP_SHOWN_MAX; i++) {
        const struct compared *y = &o->apps[i];
        if (y == x || !(same_name(x, y) || shared(o, x, y)))
            continue;
        if (!found++)
            to->why = say_why(o, x, y);
        n += text_fmt(of + n, sizeof of - n, "%s%llu", n ? " " : "",
                      (unsigned long long)o->inv->apps.rows[y->row].app);
    }
    if (found)
        to->of = text(o->a, of);
}

static bool begin(struct overlap *o)
{
    const struct app_list *apps = &o->inv->apps;
    struct arena *arena = o->a->arena;
    const uint32_t max = apps->n < OVERLAP_APPS_MAX ? apps->n : OVERLAP_APPS_MAX;
    o->apps = arena_alloc(arena, (max + 1) * sizeof *o->apps);
    o->slots = arena_alloc(arena, SLOTS_N * sizeof *o->slots);
    o->bits = arena_alloc(arena, SLOTS_N * sizeof *o->bits);
    if (!o->apps || !o->slots || !o->bits)
        return false;
    for (uint32_t i = 0; i < apps->n && o->apps_n < max; i++)
        if (apps->rows[i].connections_n)
            o->apps[o->apps_n++] =
                (struct compared){.row = i, .name = name_of(o->a, apps->rows[i].app)};
    return true;
}

const struct duplicates *overlap_find(struct answer *a, const struct inventory *inv)
{
    struct overlap o = {.a = a, .inv = inv};
    struct duplicates *out = arena_alloc(a->arena, (inv->apps.n + 1) * sizeof *out);
    if (!out || !begin(&o))
        return NULL;
    int32_t day = a->view.today - (OVERLAP_DAYS - 1);
    if (day < a->view.first_day)
        day = a->view.first_day;
    for (; day <= a->view.today && o.apps_n > 1; day++)
        add_day(&o, day);
    o.words_n = (o.bits_n + 63) / 64;
    for (uint32_t i = 0; i < o.apps_n; i++)
        o.apps[i].set_n = bits_in(o.apps[i].set, o.apps[i].set, o.words_n);
    for (uint32_t i = 0; i < o.apps_n; i++)
        find_of(&o, &o.apps[i], &out[o.apps[i].row]);
    return out;
}
