/* Options by table: the same rows are parsed, explained and completed by the shell. */
#include "clients/daybook/args.h"

#include <stdarg.h>
#include <string.h>

#include "engine/base/check.h"

struct unit {
    const char *name;
    uint64_t times;
};

static enum status with_unit(struct str s, const struct unit *units, size_t n, uint64_t *out)
{
    size_t digits = 0;
    while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    uint64_t v;
    if (text_u64((struct str){s.p, digits}, &v) != ST_OK)
        return ST_INVALID;
    struct str unit = {s.p + digits, s.n - digits};
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(unit, str_of(units[i].name)))
            continue;
        if (__builtin_mul_overflow(v, units[i].times, out) || *out > WIRE_INT_MAX)
            return ST_INVALID;
        return ST_OK;
    }
    return ST_INVALID;
}

enum status args_duration(struct str s, uint64_t *ms)
{
    static const struct unit units[] = {{"", 1000},   {"ms", 1},      {"s", 1000},
                                        {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    uint64_t v;
    enum status st = with_unit(s, units, N_OF(units), &v);
    if (st == ST_OK)
        *ms = v;
    return st;
}

enum status args_size(struct str s, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"K", UINT64_C(1) << 10}, {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30}};
    uint64_t v;
    enum status st = with_unit(s, units, N_OF(units), &v);
    if (st == ST_OK)
        *bytes = v;
    return st;
}

static enum status fault(struct args *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static enum status fault(struct args *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(a->fault, sizeof a->fault, fmt, ap);
    va_end(ap);
    return ST_USAGE;
}

/* "a|b|c" for people. */
static enum status set_word(const struct option_row *row, const char *text, struct arg *to)
{
    const char *p = row->words;
    for (uint64_t i = 0;; i++) {
        size_t n = strcspn(p, "|");
        if (str_eq((struct str){p, n}, str_of(text))) {
            to->number = i;
            return ST_OK;
        }
        if (p[n] == '\0')
            return ST_INVALID;
        p += n + 1;
    }
}

static enum status bounds_fault(struct args *a, const struct option_row *row, const char *text,
                                const char *unit)
{
    if (row->max == 0)
        return fault(a, "--%s=%s: a number%s of at least %llu is expected", row->name, text, unit,
                     (unsigned long long)row->min);
    return fault(a, "--%s=%s: a number%s within %llu..%llu is expected", row->name, text, unit,
                 (unsigned long long)row->min, (unsigned long long)row->max);
}

static enum status set(struct args *a, const struct option_row *row, const char *text, void *into)
{
    struct arg *to = (struct arg *)((char *)into + row->at);
    struct str s = str_of(text != NULL ? text : "");
    uint64_t v = 0;
    const char *unit = "";
    enum status st = ST_OK;
    switch (row->type) {
    case ARG_FLAG:
        break;
    case ARG_TEXT:
        if (s.n == 0)
            return fault(a, "--%s needs a value: --%s=%s", row->name, row->name, row->value);
        break;
    case ARG_WORD:
        if (set_word(row, text, to) != ST_OK)
            return fault(a, "--%s=%s: one of %s is expected", row->name, text, row->words);
        break;
    case ARG_UINT:
        st = text_u64(s, &v);
        break;
    case ARG_DURATION:
        st = args_duration(s, &v);
        unit = " of ms (units ms, s, m, h, d)";
        break;
    case ARG_SIZE:
        st = args_size(s, &v);
        unit = " of bytes (units K, M, G)";
        break;
    }
    if (row->type == ARG_UINT || row->type == ARG_DURATION || row->type == ARG_SIZE) {
        if (st != ST_OK || v < row->min || v > (row->max ? row->max : WIRE_INT_MAX))
            return bounds_fault(a, row, text, unit);
        to->number = v;
    }
    to->given = true;
    to->text = text;
    return ST_OK;
}

static enum status unknown(struct args *a, const struct option_row *rows, size_t n, struct str name)
{
    const char *near = NULL;
    unsigned best = 4;
    for (size_t i = 0; i < n; i++) {
        unsigned d = text_distance(name, str_of(rows[i].name));
        if (d < best) {
            best = d;
            near = rows[i].name;
        }
    }
    if (near != NULL)
        return fault(a, "there is no option --%.*s; did you mean --%s?", (int)name.n, name.p, near);
    return fault(a, "there is no option --%.*s; --help lists them", (int)name.n, name.p);
}

static const struct option_row *row_of_letter(const struct option_row *rows, size_t n, char c)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].letter == c && c != 0)
            return &rows[i];
    return NULL;
}

static const struct option_row *row_of_name(const struct option_row *rows, size_t n,
                                            struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

/* Where parsing stands. */
struct parse {
    const struct option_table *table;
    int argc, i;
    char **argv;
    void *into;
    struct args args;
};

/* The option at argv[i], and its value if that is the next argument. */
static enum status take_option(struct parse *p)
{
    struct args *a = &p->args;
    char *arg = p->argv[p->i];
    const struct option_row *row;
    const char *value = NULL;
    if (arg[1] == '-') {
        struct str name = {arg + 2, strcspn(arg + 2, "=")};
        if (arg[2 + name.n] == '=')
            value = arg + 3 + name.n;
        row = row_of_name(p->table->rows, p->table->n, name);
        if (row == NULL)
            return unknown(a, p->table->rows, p->table->n, name);
    } else {
        row = row_of_letter(p->table->rows, p->table->n, arg[1]);
        if (row == NULL)
            return fault(a, "there is no option -%c; --help lists them", arg[1]);
        if (arg[2] != '\0')
            value = arg + 2;
    }
    if (row->type == ARG_FLAG) {
        if (value != NULL)
            return fault(a, "--%s takes no value (given: %s)", row->name, value);
    } else if (value == NULL) {
        if (p->i + 1 >= p->argc)
            return fault(a, "--%s needs a value: --%s=%s", row->name, row->name, row->value);
        value = p->argv[++p->i];
    }
    return set(a, row, value, p->into);
}

enum status args_parse(const struct option_table *table, int argc, char **argv, void *into,
                       struct args *out)
{
    struct parse p = {.table = table, .argc = argc, .argv = argv, .into = into, .args.v = argv};
    bool only_arguments = false;
    enum status st = ST_OK;
    for (p.i = 1; p.i < argc && st == ST_OK; p.i++) {
        char *arg = argv[p.i];
        if (only_arguments || arg[0] != '-' || arg[1] == '\0') {
            if (p.args.n == ARGS_MAX)
                st = fault(&p.args, "more than %d arguments", ARGS_MAX);
            else
                argv[p.args.n++] = arg;
        } else if (strcmp(arg, "--") == 0) {
            only_arguments = true;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            p.args.help = true;
        } else {
            st = take_option(&p);
        }
    }
    *out = p.args;
    return st;
}

/* Lines that begin with a space are kept as they are, others flow. */
void args_wrap(const char *text, unsigned indent, unsigned columns, FILE *to)
{
    CHECK(columns > indent + 10);
    unsigned at = 0;
    bool fresh = true; /* at the start of an output line */
    for (const char *p = text; *p != '\0';) {
        if (*p == '\n' &&
            (p[1] == '\n' || p[1] == ' ' || p[1] == '\0' || (p > text && p[-1] == '\n'))) {
            (void)fputc('\n', to);
            fresh = true;
            at = 0;
            p++;
            if (*p == ' ') { /* a line to keep */
                size_t n = strcspn(p, "\n");
                (void)fprintf(to, "%*s%.*s", (int)indent, "", (int)n, p);
                p += n;
                at = columns;
                fresh = false;
            }
            continue;
        }
        if (*p == ' ' || *p == '\n') {
            p++;
            continue;
        }
        size_t n = strcspn(p, " \n");
        if (!fresh && at + 1 + n > columns) {
            (void)fputc('\n', to);
            fresh = true;
        }
        if (fresh) {
            (void)fprintf(to, "%*s", (int)indent, "");
            at = indent;
        } else {
            (void)fputc(' ', to);
            at++;
        }
        (void)fprintf(to, "%.*s", (int)n, p);
        at += (unsigned)n;
        fresh = false;
        p += n;
    }
    (void)fputc('\n', to);
}

static size_t left_text(const struct option_row *row, char *to, size_t cap)
{
    char letter[8] = "    ";
    if (row->letter != 0)
        text_fmt(letter, sizeof letter, "-%c, ", row->letter);
    return text_fmt(to, cap, "  %s--%s%s%s", letter, row->name, row->value != NULL ? "=" : "",
                    row->value != NULL ? row->value : "");
}

void args_help(const struct option_row *rows, size_t n, unsigned columns, FILE *to)
{
    char left[80];
    unsigned wide = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned w = (unsigned)left_text(&rows[i], left, sizeof left);
        wide = w > wide ? w : wide;
    }
    wide += 2;
    if (columns < wide + 20)
        columns = wide + 20;
    for (size_t i = 0; i < n; i++) {
        unsigned w = (unsigned)left_text(&rows[i], left, sizeof left);
        (void)fprintf(to, "%s", left);
        /* The first word follows the name, the rest flows below it. */
        const char *p = rows[i].help;
        unsigned at = w;
        while (*p != '\0') {
            size_t k = strcspn(p, " ");
            if (at > wide && at + 1 + k > columns) {
                (void)fputc('\n', to);
                at = 0;
            }
            if (at <= wide && at != wide) {
                (void)fprintf(to, "%*s", (int)(wide - at), "");
                at = wide;
            } else if (at > wide) {
                (void)fputc(' ', to);
                at++;
            }
            (void)fprintf(to, "%.*s", (int)k, p);
            at += (unsigned)k;
            p += k + (p[k] == ' ');
        }
        (void)fputc('\n', to);
    }
}
