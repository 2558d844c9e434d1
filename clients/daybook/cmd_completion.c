/* daybook completion: scripts for shells, written from the tables of commands, options, formats and
 * views, so they cannot fall behind. */
#include <string.h>

#include "clients/daybook/command.h"
#include "collectors/importer.h"
#include "engine/base/check.h"
#include "schemas/query_table.h"

/* What a command's first argument may be; NULL: files. */
static void first_arguments(const struct command *c, FILE *to)
{
    if (c == &cmd_query) {
        for (enum query_view_id v = 0; v < VIEW_N; v++)
            (void)fprintf(to, " %s", query_views[v].name);
    } else if (c == &cmd_import) {
        for (size_t i = 0; import_format_at(i) != NULL; i++)
            (void)fprintf(to, " %s", import_format_name(import_format_at(i)));
    } else if (c == &cmd_action) {
        for (size_t i = 0; action_word_at(i) != NULL; i++)
            (void)fprintf(to, " %s", action_word_at(i));
    } else if (c == &cmd_completion) {
        (void)fputs(" bash zsh fish", to);
    }
}

static bool has_words(const struct command *c)
{
    return c == &cmd_query || c == &cmd_import || c == &cmd_action || c == &cmd_completion;
}

static void options_of(const struct command *c, FILE *to)
{
    for (size_t i = 0; i < c->rows_n; i++)
        (void)fprintf(to, " --%s%s", c->rows[i].name, c->rows[i].type == ARG_FLAG ? "" : "=");
    (void)fputs(" --help", to);
}

static void parameters(FILE *to)
{
    for (enum query_view_id v = 0; v < VIEW_N; v++) {
        const struct query_view *view = &query_views[v];
        (void)fprintf(to, "            %s) params=\"", view->name);
        for (uint32_t i = 0; view->param0 + i < view[1].param0; i++)
            (void)fprintf(to, " %s=", query_params[view->param0 + i].name);
        (void)fputs("\" ;;\n", to);
    }
}

static void bash(FILE *to)
{
    (void)fputs("# bash completion for daybook: source it, or put it into\n"
                "# /usr/share/bash-completion/completions/daybook\n"
                "_daybook() {\n"
                "    local cur=${COMP_WORDS[COMP_CWORD]} words first= params=\n"
                "    COMPREPLY=()\n"
                "    if (( COMP_CWORD == 1 )); then\n"
                "        COMPREPLY=($(compgen -W \"help",
                to);
    for (size_t i = 0; command_at(i) != NULL; i++)
        (void)fprintf(to, " %s", command_at(i)->name);
    (void)fputs("\" -- \"$cur\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n", to);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        (void)fprintf(to, "    %s) words=\"", command_at(i)->name);
        options_of(command_at(i), to);
        (void)fputs("\"; first=\"", to);
        first_arguments(command_at(i), to);
        (void)fputs("\" ;;\n", to);
    }
    (void)fputs("    esac\n"
                "    if [[ ${COMP_WORDS[1]} == query ]]; then\n"
                "        local w\n"
                "        for w in \"${COMP_WORDS[@]:2}\"; do\n"
                "            case $w in\n",
                to);
    parameters(to);
    (void)fputs("            esac\n"
                "        done\n"
                "    fi\n"
                "    if [[ $cur == -* ]]; then\n"
                "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                "    elif [[ -n $params ]]; then\n"
                "        COMPREPLY=($(compgen -W \"$params\" -- \"$cur\"))\n"
                "    elif [[ -n $first ]] && (( COMP_CWORD == 2 )); then\n"
                "        COMPREPLY=($(compgen -W \"$first\" -- \"$cur\"))\n"
                "    else\n"
                "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                "    fi\n"
                "    [[ ${COMPREPLY[0]:-} == *= ]] && compopt -o nospace\n"
                "}\n"
                "complete -o filenames -F _daybook daybook\n",
                to);
}

/* Text inside single quotes of zsh and fish, without their special characters. */
static void quoted(FILE *to, const char *text, const char *drop)
{
    for (; *text != '\0'; text++)
        if (strchr(drop, *text) == NULL)
            (void)fputc(*text, to);
}

static void zsh(FILE *to)
{
    (void)fputs(
        "#compdef daybook\n# zsh completion for daybook: put it into a directory of $fpath as "
        "_daybook\n_daybook() {\n    local -a commands\n    commands=(\n",
        to);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        (void)fprintf(to, "        '%s:", command_at(i)->name);
        quoted(to, command_at(i)->summary, "':");
        (void)fputs("'\n", to);
    }
    (void)fputs("    )\n"
                "    if (( CURRENT == 2 )); then\n"
                "        _describe command commands\n"
                "        return\n"
                "    fi\n"
                "    case $words[2] in\n",
                to);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *c = command_at(i);
        (void)fprintf(to, "    %s)\n        _arguments -S \\\n            '1:command:' \\\n",
                      c->name);
        for (size_t k = 0; k < c->rows_n; k++) {
            bool flag = c->rows[k].type == ARG_FLAG;
            (void)fprintf(to, "            '--%s%s[", c->rows[k].name, flag ? "" : "=");
            quoted(to, c->rows[k].help, "'[]:");
            (void)fprintf(to, "]%s' \\\n", flag ? "" : ":value:_files");
        }
        (void)fputs("            '2:argument:_files' '*:file:_files'\n", to);
        if (has_words(c)) {
            (void)fputs("        (( CURRENT == 3 )) && compadd --", to);
            first_arguments(c, to);
            (void)fputc('\n', to);
        }
        (void)fputs("        ;;\n", to);
    }
    (void)fputs("    esac\n}\n_daybook \"$@\"\n", to);
}

static void fish(FILE *to)
{
    (void)fputs(
        "# fish completion for daybook: put it into ~/.config/fish/completions/daybook.fish\n", to);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        const struct command *c = command_at(i);
        (void)fprintf(to, "complete -c daybook -n __fish_use_subcommand -f -a %s -d '", c->name);
        quoted(to, c->summary, "'");
        (void)fputs("'\n", to);
        for (size_t k = 0; k < c->rows_n; k++) {
            (void)fprintf(to,
                          "complete -c daybook -n '__fish_seen_subcommand_from %s' -l %s%s -d '",
                          c->name, c->rows[k].name, c->rows[k].type == ARG_FLAG ? "" : " -r");
            quoted(to, c->rows[k].help, "'");
            (void)fputs("'\n", to);
        }
        if (has_words(c)) {
            (void)fprintf(to, "complete -c daybook -n '__fish_seen_subcommand_from %s' -a '",
                          c->name);
            first_arguments(c, to);
            (void)fputs("'\n", to);
        }
    }
}

static int run(struct cli *cli, const void *options)
{
    static const struct {
        const char *name;
        void (*write)(FILE *to);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    (void)options;
    for (size_t i = 0; i < N_OF(shells); i++)
        if (strcmp(cli->v[0], shells[i].name) == 0) {
            shells[i].write(cli->out);
            return 0;
        }
    return command_fault(cli, EX_USAGE,
                         "completion: there is no script for \"%s\"; there are bash, zsh, "
                         "fish",
                         cli->v[0]);
}

const struct command cmd_completion = {
    .name = "completion",
    .summary = "write a completion script for bash, zsh or fish",
    .synopsis = "bash|zsh|fish",
    .help =
        "Writes a script that lets the shell complete commands, options, views, their parameters "
        "and formats.\n\n"
        "Examples\n"
        "  source <(daybook completion bash)\n"
        "  daybook completion fish > ~/.config/fish/completions/daybook.fish\n",
    .min = 1,
    .max = 1,
    .run = run,
};
