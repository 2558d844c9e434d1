/* The command line: finds the subcommand, reads its options, runs it. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "clients/daybook/command.h"
#include "engine/base/check.h"
#include "schemas/json_start.h"

/* The only state that a signal may touch. */
static volatile int stop_wanted;

static void on_stop(int sig)
{
    (void)sig;
    if (stop_wanted)
        _exit(128 + SIGINT); /* the second one means it */
    stop_wanted = 1;
}

static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_stop};
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
}

static const char *from_environment(const char *name)
{
    return getenv(name);
}

static unsigned terminal_columns(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
        return w.ws_col;
    return 80;
}

static int overview(struct cli *cli, FILE *to)
{
    (void)fprintf(to, "Usage: daybook COMMAND [OPTION...] [ARGUMENT...]\n\n"
                      "Talks to a running daybookd: brings events in, asks for views, checks.\n\n");
    for (size_t i = 0; command_at(i) != NULL; i++)
        (void)fprintf(to, "  %-11s %s\n", command_at(i)->name, command_at(i)->summary);
    (void)fprintf(to, "\n\"daybook COMMAND --help\" explains a command and shows examples.\n"
                      "Exit codes: 0 done, 1 not well, 64 usage, 65 data, 69 engine not reached,\n"
                      "74 input or output failed, 77 not allowed, 78 configuration.\n");
    (void)cli;
    return 0;
}

static int unknown_command(struct cli *cli, const char *name)
{
    const char *near = NULL;
    unsigned best = 4;
    for (size_t i = 0; command_at(i) != NULL; i++) {
        unsigned d = text_distance(str_of(name), str_of(command_at(i)->name));
        if (d < best) {
            best = d;
            near = command_at(i)->name;
        }
    }
    (void)fprintf(cli->err, "daybook: there is no command \"%s\"", name);
    if (near != NULL)
        (void)fprintf(cli->err, "; did you mean \"%s\"?\n", near);
    else
        (void)fprintf(cli->err, "; \"daybook help\" lists them\n");
    return EX_USAGE;
}

static int run(struct cli *cli, const struct command *c, int argc, char **argv)
{
    void *options = calloc(1, c->options_bytes > 0 ? c->options_bytes : 1);
    if (options == NULL)
        return command_fault(cli, EX_OSERR, "out of memory");
    struct args args;
    int code;
    struct option_table table = {c->rows, c->rows_n};
    enum status st = args_parse(&table, argc, argv, options, &args);
    cli->n = args.n;
    cli->v = args.v;
    if (args.help) {
        command_help(cli, c);
        code = 0;
    } else if (st != ST_OK) {
        code = command_fault(cli, EX_USAGE, "%s: %s", c->name, args.fault);
    } else if (args.n < c->min || args.n > c->max) {
        code = command_fault(cli, EX_USAGE, "%s: %s: usage: daybook %s [OPTION...] %s", c->name,
                             args.n < c->min ? "an argument is missing" : "too many arguments",
                             c->name, c->synopsis);
    } else {
        code = c->run(cli, options);
    }
    free(options);
    return code;
}

int main(int argc, char **argv)
{
    struct cli cli = {
        .in = stdin,
        .out = stdout,
        .err = stderr,
        .out_tty = isatty(STDOUT_FILENO) == 1,
        .err_tty = isatty(STDERR_FILENO) == 1,
        .columns = terminal_columns(),
        .env = from_environment,
        .stop = &stop_wanted,
    };
    json_start();
    catch_signals();
    int code;
    const struct command *c = argc > 1 ? command_find(str_of(argv[1])) : NULL;
    if (argc < 2)
        code = overview(&cli, stderr) + EX_USAGE;
    else if (c != NULL)
        code = run(&cli, c, argc - 1, argv + 1);
    else if (strcmp(argv[1], "--version") == 0)
        code = run(&cli, &cmd_version, 1, argv + 1);
    else if (strcmp(argv[1], "help") == 0 && argc > 2 && command_find(str_of(argv[2])) != NULL) {
        command_help(&cli, command_find(str_of(argv[2])));
        code = 0;
    } else if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
               strcmp(argv[1], "-h") == 0)
        code = overview(&cli, stdout);
    else
        code = unknown_command(&cli, argv[1]);
    if (fflush(stdout) != 0 && code == 0)
        code = EX_IOERR;
    return code;
}
