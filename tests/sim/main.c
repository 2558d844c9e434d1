/* The simulator: lives from seeds.
 *
 *   daybook_sim --lives=2000 --seed=1          that many, from that seed on
 *   daybook_sim --seed=N --trace               one, told step by step
 *   daybook_sim --prove                        every planted bug is found
 *   daybook_sim --plant=NAME --lives=...       lives with that bug */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "tests/sim/life.h"
#include "tests/sim/plant.h"

#define PROOF_LIVES 500 /* within so many each planted bug is found */

struct totals {
    uint64_t lives, bad, steps, answers, crashes, cuts, queries, faults, digest;
};

static char seed_text[64]; /* for a life that ends the process */

static void on_abort(int signo)
{
    static const char what[] = "the engine ended itself in the life of seed ";

    /* Nothing can be done about a write that fails here. */
    if (write(STDERR_FILENO, what, sizeof what - 1) > 0)
        (void)!write(STDERR_FILENO, seed_text, strlen(seed_text));
    (void)raise(signo); /* SA_RESETHAND: now it ends the process */
}

static void watch_ends(void)
{
    static const int ends[] = {SIGABRT, SIGSEGV, SIGBUS};
    struct sigaction act = {.sa_handler = on_abort, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};

    for (unsigned i = 0; i < N_OF(ends); i++)
        CHECK(sigaction(ends[i], &act, NULL) == 0);
}

static bool one(uint64_t seed, bool with_trace, struct totals *t)
{
    static struct life l;

    text_fmt(seed_text, sizeof seed_text, "%llu\n", (unsigned long long)seed);
    bool ok = life_run(&l, seed, with_trace);
    t->lives++;
    t->bad += !ok;
    t->steps += l.steps;
    t->answers += l.answers;
    t->crashes += l.crashes;
    t->cuts += l.cuts;
    t->queries += l.queries;
    t->faults += l.faults;
    t->digest = hash_mix(t->digest ^ l.digest);
    if (!ok)
        printf("violation: seed %llu: %s\n", (unsigned long long)seed, l.why);
    return ok;
}

static void say(const struct totals *t)
{
    printf("%llu lives, %llu violations: %llu steps, %llu answers, %llu queries, %llu kills, "
           "%llu power cuts, %llu other faults; digest %016llx\n",
           (unsigned long long)t->lives, (unsigned long long)t->bad, (unsigned long long)t->steps,
           (unsigned long long)t->answers, (unsigned long long)t->queries,
           (unsigned long long)t->crashes, (unsigned long long)t->cuts,
           (unsigned long long)(t->faults - t->crashes - t->cuts), (unsigned long long)t->digest);
}

/* ---- planted bugs ---- */

/* In a process of its own, for some end it. Returns the lives it took; 0: it was not found. */
static uint64_t find(enum plant plant, uint64_t seed)
{
    struct totals t = {0};
    int pipes[2], status = 0;
    uint64_t n = 0;

    CHECK(pipe(pipes) == 0);
    (void)fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        CHECK(freopen("/dev/null", "w", stdout) != NULL);
        plant_now = plant;
        while (t.lives < PROOF_LIVES) {
            n = t.lives + 1;
            CHECK(write(pipes[1], &n, sizeof n) == sizeof n);
            if (!one(seed + t.lives, false, &t))
                _exit(1);
        }
        _exit(0);
    }
    CHECK(close(pipes[1]) == 0);
    while (read(pipes[0], &n, sizeof n) == sizeof n)
        ;
    CHECK(close(pipes[0]) == 0);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : n;
}

static int prove(uint64_t seed)
{
    unsigned missed = 0;

    for (enum plant p = PLANT_NONE + 1; p < PLANTS; p++) {
        uint64_t n = find(p, seed);
        if (n > 0)
            printf("%-28s found in life %llu\n", plant_names[p], (unsigned long long)n);
        else
            printf("%-28s NOT FOUND in %u lives\n", plant_names[p], PROOF_LIVES);
        (void)fflush(stdout);
        missed += n == 0;
    }
    return missed == 0 ? 0 : 1;
}

/* ---- options ---- */

struct wanted {
    uint64_t seed, lives;
    bool trace, prove, twice;
};

static uint64_t number(const char *text)
{
    uint64_t n = 0;

    if (text_u64(str_of(text), &n) != ST_OK) {
        fprintf(stderr, "\"%s\" is no number\n", text);
        exit(EX_USAGE);
    }
    return n;
}

static enum plant plant_of(const char *name)
{
    for (enum plant p = PLANT_NONE; p < PLANTS; p++)
        if (strcmp(plant_names[p], name) == 0)
            return p;
    fprintf(stderr, "there is no planted bug \"%s\"\n", name);
    exit(EX_USAGE);
}

static struct wanted read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"lives", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"plant", required_argument, NULL, 'p'},
        {"trace", no_argument, NULL, 't'},
        {"prove", no_argument, NULL, 'P'},
        {"twice", no_argument, NULL, '2'},
        {NULL, 0, NULL, 0},
    };
    struct wanted w = {.seed = 1, .lives = 1};

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'n')
            w.lives = number(optarg);
        else if (c == 's')
            w.seed = number(optarg);
        else if (c == 'p')
            plant_now = plant_of(optarg);
        else if (c == 't')
            w.trace = true;
        else if (c == 'P')
            w.prove = true;
        else if (c == '2')
            w.twice = true;
        else
            exit(EX_USAGE);
    }
    return w;
}

int main(int argc, char **argv)
{
    struct wanted w = read_options(argc, argv);
    struct totals t = {0}, again = {0};

    log_setup(w.trace ? LOG_WARN : LOG_ERROR, false);
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0,
                0); /* small stores: huge pages are only to be zeroed */
    watch_ends();
    if (w.prove)
        return prove(w.seed);
    for (uint64_t i = 0; i < w.lives; i++)
        (void)one(w.seed + i, w.trace, &t);
    say(&t);
    for (uint64_t i = 0; w.twice && i < w.lives; i++)
        (void)one(w.seed + i, w.trace, &again);
    if (w.twice && again.digest != t.digest) {
        printf("the same seeds lived other lives: digest %016llx\n",
               (unsigned long long)again.digest);
        return 1;
    }
    return t.bad == 0 ? 0 : 1;
}
