/* What people read: the values in force and the help. Both are loops over the table. */
#include "engine/config/assign.h"

void config_print(const struct config *c, FILE *out)
{
    char value[CONFIG_TEXT_MAX + 1], where[CONFIG_TEXT_MAX + 32];
    for (unsigned i = 0; i < OPTION_N; i++) {
        enum option_id id = (enum option_id)i;
        option_format(c, id, value, sizeof(value));
        assign_where(c, c->origin[id], where, sizeof(where));
        fprintf(out, "%-28s %-24s (%s)\n", option_row(id)->name, value[0] == '\0' ? "\"\"" : value,
                where);
    }
}

/* "data_dir" as a flag. */
static const char *flag_of(const char *name, char *buf, size_t cap)
{
    size_t n = text_fmt(buf, cap, "--%s", name);
    for (size_t i = 2; i < n; i++)
        buf[i] = buf[i] == '_' ? '-' : buf[i];
    return buf;
}

void config_help(FILE *out)
{
    char flag[64], allowed[256];
    fprintf(out,
            "usage: daybookd [--config=FILE] [--name=value ...]\n"
            "\n"
            "Each option can be given in a JSON file (\"data_dir\"), in the environment\n"
            "(DAYBOOK_DATA_DIR) or on the command line (--data-dir); the later one wins.\n"
            "\n"
            "  --config=FILE    read this JSON file first (also DAYBOOK_CONFIG)\n"
            "  --check          check the configuration and exit: 0, 64 (usage) or 78 (a value)\n"
            "  --print-config   print the values in force and where each came from, and exit\n"
            "  --help           print this and exit\n"
            "  --version        print the version and exit\n"
            "\n"
            "Options marked * are taken over by a reload (SIGHUP); the others need a restart.\n");
    for (unsigned i = 0; i < OPTION_N; i++) {
        const struct option *o = option_row((enum option_id)i);
        option_allowed((enum option_id)i, allowed, sizeof(allowed));
        fprintf(out, "\n  %s%s\n      %s\n      default: %s; allowed: %s\n",
                flag_of(o->name, flag, sizeof(flag)), o->live ? " *" : "", o->help,
                o->def[0] == '\0' ? "empty" : o->def, allowed);
    }
}
