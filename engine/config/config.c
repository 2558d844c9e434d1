/* The order of the places. Every place only names an option and gives a text; what the text means
 * is the option's affair, so all places accept the same values and complain in the same words. */
#include "engine/config/config.h"

#include <stdarg.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/config/assign.h"

#define ENV_PREFIX      "DAYBOOK_"
#define NAME_SHOWN_MAX  64 /* bytes of an unknown name that are echoed */
#define VALUE_SHOWN_MAX 80 /* bytes of a bad value that are echoed */

STATIC_CHECK((int)LOG_ERROR == 0 && (int)LOG_DEBUG == 3); /* the words of log_level */

void report_add(struct config_report *r, int exit_code, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line) - 1, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(line) - 1 ? (size_t)n : sizeof(line) - 2;
    line[len++] = '\n';
    r->lines_n++;
    if (exit_code == CONFIG_EXIT_USAGE || r->exit_code == 0)
        r->exit_code = exit_code;
    if (len >= sizeof(r->text) - r->n)
        return;
    memcpy(r->text + r->n, line, len);
    r->n += len;
    r->text[r->n] = '\0';
}

void assign_where(const struct config *c, struct config_origin from, char *buf, size_t cap)
{
    switch (from.place) {
    case FROM_DEFAULT:
        text_fmt(buf, cap, "default");
        return;
    case FROM_FILE:
        text_fmt(buf, cap, "%s:%u", c->file, from.line);
        return;
    case FROM_ENVIRONMENT:
        text_fmt(buf, cap, "environment");
        return;
    case FROM_COMMAND_LINE:
        text_fmt(buf, cap, "command line");
        return;
    }
}

/* "data_dir" as its place spells it: DAYBOOK_DATA_DIR, --data-dir. */
static const char *spelled(const char *name, struct config_origin from, char *buf, size_t cap)
{
    bool env = from.place == FROM_ENVIRONMENT, flag = from.place == FROM_COMMAND_LINE;
    size_t head = text_fmt(buf, cap, "%s%s", env ? ENV_PREFIX : flag ? "--" : "", name);
    size_t from_i = env ? sizeof(ENV_PREFIX) - 1 : flag ? 2 : 0;
    for (size_t i = from_i; i < head; i++) {
        if (env && buf[i] >= 'a' && buf[i] <= 'z')
            buf[i] = (char)(buf[i] - 'a' + 'A');
        else if (flag && buf[i] == '_')
            buf[i] = '-';
    }
    return buf;
}

/* A peer of the terminal could be anyone: what is echoed is cut and has no control characters. */
static const char *shown(struct str s, size_t max, char *buf, size_t cap)
{
    size_t n = s.n < max ? s.n : max;
    n = n < cap - 4 ? n : cap - 4;
    for (size_t i = 0; i < n; i++)
        buf[i] = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i];
    memcpy(buf + n, s.n > n ? "..." : "", s.n > n ? 4 : 1);
    return buf;
}

static void unknown_option(const struct assign *a, const char *where, struct str name)
{
    char plain[NAME_SHOWN_MAX + 4], own[128], near[128];
    int exit_code = a->origin.place == FROM_COMMAND_LINE ? CONFIG_EXIT_USAGE : CONFIG_EXIT_CONFIG;
    shown(name, NAME_SHOWN_MAX, plain, sizeof(plain));
    spelled(plain, a->origin, own, sizeof(own));
    const char *nearest = option_nearest(name);
    if (nearest != NULL)
        report_add(a->report, exit_code, "%s: %s: unknown option; did you mean %s?", where, own,
                   spelled(nearest, a->origin, near, sizeof(near)));
    else
        report_add(a->report, exit_code, "%s: %s: unknown option; --help lists all of them", where,
                   own);
}

void assign_named(const struct assign *a, struct str name, struct str text)
{
    char where[CONFIG_TEXT_MAX + 32], value[VALUE_SHOWN_MAX + 4], own[128], why[384];
    assign_where(a->config, a->origin, where, sizeof(where));
    enum option_id id = option_find(name);
    if (id == OPTION_N) {
        unknown_option(a, where, name);
        return;
    }
    if (option_set(a->config, id, text, why, sizeof(why)) != ST_OK) {
        shown(text, VALUE_SHOWN_MAX, value, sizeof(value));
        report_add(a->report, CONFIG_EXIT_CONFIG, "%s: %s: \"%s\": %s", where,
                   spelled(option_row(id)->name, a->origin, own, sizeof(own)), value, why);
        return;
    }
    a->config->origin[id] = a->origin;
}

void config_default(struct config *out)
{
    char why[384];
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < OPTION_N; i++) {
        enum option_id id = (enum option_id)i;
        enum status st = option_set(out, id, str_of(option_row(id)->def), why, sizeof(why));
        CHECK(st == ST_OK); /* a default outside its own bounds is a fault of the table */
    }
}

/* ---- environment ---- */

static void set_file(struct config *c, struct config_report *r, const char *place, struct str path)
{
    if (path.n == 0 || path.n > CONFIG_TEXT_MAX) {
        report_add(r, CONFIG_EXIT_USAGE,
                   "%s: the configuration file's name must have 1 to %d bytes", place,
                   CONFIG_TEXT_MAX);
        return;
    }
    memcpy(c->file, path.p, path.n);
    c->file[path.n] = '\0';
}

/* Variables that are not the daemon's: the addresses that the client programs look for, and what
 * tests tell each other. */
static bool is_foreign(struct str name)
{
    struct str test = STR("test_");
    return str_eq(name, STR("ingest")) || str_eq(name, STR("query")) || str_eq(name, STR("key")) ||
           (name.n > test.n && memcmp(name.p, test.p, test.n) == 0);
}

/* Every other variable that begins with DAYBOOK_ must be known: a slip in a name would otherwise
 * mean running with a default in silence. */
static void read_environment(const struct assign *a, char *const *envp, bool file_only)
{
    char name[NAME_SHOWN_MAX + 1];
    for (; envp != NULL && *envp != NULL; envp++) {
        struct str entry = str_of(*envp);
        size_t prefix = sizeof(ENV_PREFIX) - 1;
        const char *eq = strchr(*envp, '=');
        if (eq == NULL || entry.n < prefix || memcmp(entry.p, ENV_PREFIX, prefix) != 0)
            continue;
        size_t n = (size_t)(eq - *envp) - prefix;
        n = n < sizeof(name) ? n : sizeof(name);
        for (size_t i = 0; i < n; i++) {
            char c = entry.p[prefix + i];
            name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
        if (is_foreign((struct str){name, n}))
            continue;
        bool is_file = str_eq((struct str){name, n}, STR("config"));
        if (is_file && file_only)
            set_file(a->config, a->report, "environment: DAYBOOK_CONFIG", str_of(eq + 1));
        else if (!is_file && !file_only)
            assign_named(a, (struct str){name, n}, str_of(eq + 1));
    }
}

/* ---- command line ---- */

struct flag {
    struct str name; /* without dashes */
    struct str value;
    bool has_value;
};

/* The flag at word *i, moving *i to its last word. "--name value" takes the next word, except for
 * truth values and what asks for no value. */
static bool next_flag(const struct config_words *w, int *i, struct flag *out)
{
    struct str word = str_of(w->argv[*i]);
    if (word.n < 3 || word.p[0] != '-' || word.p[1] != '-')
        return false;
    word = (struct str){word.p + 2, word.n - 2};
    const char *eq = memchr(word.p, '=', word.n);
    *out = (struct flag){.name = word};
    if (eq != NULL) {
        out->name.n = (size_t)(eq - word.p);
        out->value = str_of(eq + 1);
        out->has_value = true;
        return out->name.n > 0;
    }
    enum option_id id = option_find(out->name);
    bool takes_word =
        str_eq(out->name, STR("config")) || (id != OPTION_N && option_row(id)->type != OPTION_BOOL);
    if (takes_word && *i + 1 < w->argc && strncmp(w->argv[*i + 1], "--", 2) != 0) {
        out->value = str_of(w->argv[++*i]);
        out->has_value = true;
    }
    return true;
}

static bool set_mode(struct config *c, const struct flag *f)
{
    static const struct {
        const char *name;
        enum config_mode mode;
    } modes[] = {
        {"check", CONFIG_CHECK},
        {"print-config", CONFIG_PRINT},
        {"help", CONFIG_HELP},
        {"version", CONFIG_VERSION},
    };
    for (size_t i = 0; i < N_OF(modes); i++) {
        if (f->has_value || !str_eq(f->name, str_of(modes[i].name)))
            continue;
        c->mode = modes[i].mode > c->mode ? modes[i].mode : c->mode;
        return true;
    }
    return false;
}

/* First pass: what is asked for, and which file. Only this pass complains about the form. */
static void read_request(const struct config_words *w, struct config *c, struct config_report *r)
{
    struct flag f;
    for (int i = 1; i < w->argc; i++) {
        const char *word = w->argv[i];
        if (!next_flag(w, &i, &f))
            report_add(r, CONFIG_EXIT_USAGE,
                       "command line: \"%.80s\" is not an option; options are written --name=value",
                       word);
        else if (str_eq(f.name, STR("config")))
            set_file(c, r, "command line: --config", f.value);
    }
}

static void read_flags(const struct assign *a, const struct config_words *w)
{
    struct flag f;
    for (int i = 1; i < w->argc; i++) {
        if (!next_flag(w, &i, &f) || str_eq(f.name, STR("config")) || set_mode(a->config, &f))
            continue;
        enum option_id id = option_find(f.name);
        bool is_bool = id != OPTION_N && option_row(id)->type == OPTION_BOOL;
        if (!f.has_value && id != OPTION_N && !is_bool)
            report_add(a->report, CONFIG_EXIT_USAGE, "command line: --%.*s needs a value",
                       (int)f.name.n, f.name.p);
        else
            assign_named(a, f.name, f.has_value ? f.value : STR("true"));
    }
}

/* ---- all of it ---- */

static bool asks_only(const struct config_words *w, struct config *c)
{
    struct flag f;
    for (int i = 1; i < w->argc; i++) {
        if (next_flag(w, &i, &f))
            (void)set_mode(c, &f); /* whether it was one does not matter here */
    }
    return c->mode == CONFIG_HELP || c->mode == CONFIG_VERSION;
}

enum status config_load(const struct config_words *words, struct config *out,
                        struct config_report *report)
{
    struct config c;
    config_default(&c);
    *report = (struct config_report){.n = 0};
    if (asks_only(words, &c)) {
        *out = c;
        return ST_OK;
    }
    struct assign from_env = {&c, report, {FROM_ENVIRONMENT, 0}};
    struct assign from_flags = {&c, report, {FROM_COMMAND_LINE, 0}};
    read_environment(&from_env, words->envp, true);
    read_request(words, &c, report);
    if (report->exit_code == 0 && c.file[0] != '\0')
        config_json_read(&c, report);
    read_environment(&from_env, words->envp, false);
    read_flags(&from_flags, words);
    if (report->exit_code == 0)
        config_check(&c, report);
    if (report->exit_code != 0)
        return report->exit_code == CONFIG_EXIT_USAGE ? ST_USAGE : ST_INVALID;
    *out = c;
    return ST_OK;
}

enum status config_reload(const struct config *now, const struct config_words *words,
                          struct config *out, struct config_report *report)
{
    struct config fresh;
    enum status st = config_load(words, &fresh, report);
    if (st != ST_OK)
        return st;
    char was[CONFIG_TEXT_MAX + 1], is[CONFIG_TEXT_MAX + 1], where[CONFIG_TEXT_MAX + 32];
    for (unsigned i = 0; i < OPTION_N; i++) {
        enum option_id id = (enum option_id)i;
        if (option_row(id)->live || option_same(now, &fresh, id))
            continue;
        option_format(now, id, was, sizeof(was));
        option_format(&fresh, id, is, sizeof(is));
        assign_where(&fresh, fresh.origin[id], where, sizeof(where));
        report_add(report, 0, "%s: %s: \"%.80s\" needs a restart; \"%.80s\" stays in force", where,
                   option_row(id)->name, is, was);
        option_copy(&fresh, now, id);
    }
    fresh.mode = now->mode;
    config_check(&fresh, report); /* the mixture of old and new is a configuration of its own */
    if (report->exit_code != 0)
        return ST_INVALID;
    *out = fresh;
    return ST_OK;
}
