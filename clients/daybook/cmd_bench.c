/* daybook bench: runs the benchmark programs of the build. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/daybook/command.h"
#include "engine/base/check.h"

#define PATH_BYTES 4096

struct bench_options {
    struct arg dir;
};

static const struct option_row rows_of_bench[] = {
    {.name = "dir",
     .letter = 'd',
     .type = ARG_TEXT,
     .at = offsetof(struct bench_options, dir),
     .value = "DIR",
     .help = "where the programs are (DAYBOOK_BENCH_DIR; the build's bench/)"},
};

/* The build puts this program into clients/daybook/ and the benchmarks into bench/ beside it. */
static void bench_dir(const struct cli *cli, const struct bench_options *o, char to[PATH_BYTES])
{
    const char *from_env = cli->env("DAYBOOK_BENCH_DIR");
    if (o->dir.given || (from_env != NULL && from_env[0] != '\0')) {
        text_fmt(to, PATH_BYTES, "%s", o->dir.given ? o->dir.text : from_env);
        return;
    }
    char self[PATH_BYTES - 32];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    for (unsigned up = 0; up < 3; up++) {
        char *slash = strrchr(self, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
        text_fmt(to, PATH_BYTES, "%s/bench", self);
        struct stat s;
        if (stat(to, &s) == 0 && S_ISDIR(s.st_mode))
            return;
    }
    text_fmt(to, PATH_BYTES, "bench");
}

/* Programs, not tests and not the build's own files. */
static bool is_program(const char *dir, const char *name)
{
    char path[PATH_BYTES + 300];
    struct stat s;
    text_fmt(path, sizeof path, "%s/%s", dir, name);
    return strchr(name, '.') == NULL && strncmp(name, "test_", 5) != 0 && stat(path, &s) == 0 &&
           S_ISREG(s.st_mode) && access(path, X_OK) == 0;
}

static int list(struct cli *cli, const char *dir)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    if (n < 0)
        return command_fault(cli, EX_NOINPUT, "bench: %s: %s (--dir=DIR)", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (is_program(dir, names[i]->d_name))
            (void)fprintf(cli->out, "%s\n", names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return 0;
}

static int run(struct cli *cli, const void *options)
{
    char dir[PATH_BYTES], path[PATH_BYTES + 300];
    bench_dir(cli, options, dir);
    if (cli->n == 0)
        return list(cli, dir);
    const char *name = cli->v[0];
    if (strchr(name, '/') != NULL || !is_program(dir, name))
        return command_fault(cli, EX_USAGE,
                             "bench: there is no program \"%s\" in %s; \"daybook bench\" "
                             "lists them",
                             name, dir);
    text_fmt(path, sizeof path, "%s/%s", dir, name);
    char **argv = calloc(cli->n + 1, sizeof *argv);
    if (argv == NULL)
        return command_fault(cli, EX_OSERR, "out of memory");
    argv[0] = path;
    for (size_t i = 1; i < cli->n; i++)
        argv[i] = cli->v[i];
    (void)fflush(NULL);
    (void)execv(path, argv);
    int code = command_fault(cli, EX_OSERR, "bench: %s: %s", path, strerror(errno));
    free(argv);
    return code;
}

const struct command cmd_bench = {
    .name = "bench",
    .summary = "run a benchmark program of the build",
    .synopsis = "[PROGRAM [-- ARGUMENT...]]",
    .help = "Runs one of the programs in the build's bench/ folder in place of this one; without a "
            "name, lists them. Arguments behind -- are the program's (try -- --help).\n\n"
            "Examples\n"
            "  daybook bench\n"
            "  daybook bench ceilings\n",
    .rows = rows_of_bench,
    .rows_n = N_OF(rows_of_bench),
    .options_bytes = sizeof(struct bench_options),
    .max = ARGS_MAX,
    .run = run,
};
