/* Negotiation by headers (RFC 9110, 12 and 13). Weights are compared in thousandths. */
#include "engine/edge/http_form.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"

static struct str trimmed(const char *p, size_t n)
{
    while (n > 0 && (*p == ' ' || *p == '\t'))
        p++, n--;
    while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
        n--;
    return (struct str){p, n};
}

/* The next piece up to a separator; false at the end. */
static bool next_piece(struct str *rest, char separator, struct str *piece)
{
    if (rest->n == 0)
        return false;
    const char *at = memchr(rest->p, separator, rest->n);
    size_t n = at == NULL ? rest->n : (size_t)(at - rest->p);
    *piece = trimmed(rest->p, n);
    n += at != NULL;
    *rest = (struct str){rest->p + n, rest->n - n};
    return true;
}

/* "q=0.8" -> 800; anything else is no weight and leaves it. */
static void read_weight(struct str parameter, unsigned *weight)
{
    if (parameter.n < 3 || (parameter.p[0] != 'q' && parameter.p[0] != 'Q') ||
        parameter.p[1] != '=')
        return;
    unsigned w = parameter.p[2] == '1' ? 1000 : 0, unit = 100;
    for (size_t i = 4; i < parameter.n && w < 1000 && unit > 0; i++, unit /= 10)
        if (parameter.p[i] >= '0' && parameter.p[i] <= '9')
            w += (unsigned)(parameter.p[i] - '0') * unit;
    *weight = w;
}

/* One element of a list with its weight: "text/csv;q=0.5". */
static bool next_choice(struct str *rest, struct str *what, unsigned *weight)
{
    struct str element, parameter;
    if (!next_piece(rest, ',', &element))
        return false;
    *weight = 1000;
    *what = (struct str){NULL, 0};
    (void)next_piece(&element, ';', what);
    while (next_piece(&element, ';', &parameter))
        read_weight(parameter, weight);
    return true;
}

/* How exactly a range names a type: 3 itself, 2 its kind, 1 anything, 0 not at all. */
static unsigned exactness(struct str range, const char *type)
{
    size_t kind_n = strcspn(type, "/");
    if (http_name_eq(range, type))
        return 3;
    if (str_eq(range, STR("*/*")))
        return 1;
    bool kind = range.n == kind_n + 2 && memcmp(range.p, type, kind_n) == 0 &&
                memcmp(range.p + kind_n, "/*", 2) == 0;
    return kind ? 2 : 0;
}

static unsigned weight_of(struct str accept, const char *type)
{
    struct str range;
    unsigned weight, best = 0, found = 0;
    while (next_choice(&accept, &range, &weight)) {
        unsigned e = exactness(range, type);
        if (e > best) {
            best = e;
            found = weight;
        }
    }
    return found;
}

int form_choose(struct str accept, const char *const *types, unsigned types_n)
{
    int best = -1;
    unsigned best_weight = 0;
    if (accept.n == 0)
        return 0;
    for (unsigned i = 0; i < types_n; i++) {
        unsigned weight = weight_of(accept, types[i]);
        if (weight > best_weight) {
            best = (int)i;
            best_weight = weight;
        }
    }
    return best;
}

bool form_takes_gzip(struct str accept)
{
    struct str coding;
    unsigned weight, any = 0, named = 0;
    bool is_named = false;
    while (next_choice(&accept, &coding, &weight)) {
        if (http_name_eq(coding, "gzip") || http_name_eq(coding, "x-gzip")) {
            is_named = true;
            named = weight;
        } else if (str_eq(coding, STR("*"))) {
            any = weight;
        }
    }
    return (is_named ? named : any) > 0;
}

bool form_has_tag(struct str list, const char *tag)
{
    struct str one, wanted = str_of(tag);
    while (next_piece(&list, ',', &one)) {
        if (str_eq(one, STR("*")) || str_eq(one, wanted))
            return true;
        /* Weak comparison: with and without W/ are the same. */
        if (one.n + 2 == wanted.n && memcmp(one.p, wanted.p + 2, one.n) == 0)
            return true;
    }
    return false;
}

void form_tag(const struct str *parts, unsigned n, char to[static 40])
{
    uint64_t words[2 * 16];
    CHECK(n <= 16);
    for (unsigned i = 0; i < n; i++) {
        struct hash128 h = hash128(parts[i].n > 0 ? parts[i].p : "", parts[i].n);
        words[2 * i] = h.lo;
        words[2 * i + 1] = h.hi;
    }
    struct hash128 all = hash128(words, (size_t)n * 16);
    text_fmt(to, 40, "W/\"%016llx%016llx\"", (unsigned long long)all.hi,
             (unsigned long long)all.lo);
}
