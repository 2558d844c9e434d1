/* For schema_check.py: prints a JSON Schema by name, or with "verdicts" reads frames from stdin,
 * one a line, and prints for each what the decoder says: "ok", "refused", or a letter per event,
 * '+' for one that is accepted and '-' for one that is not. */
#include <stdio.h>
#include <stdlib.h>

#include "schemas/frame.h"
#include "schemas/json_schema.h"

static int print_schema(const char *name)
{
    struct buf to = buf_of(1 << 20);
    if (schema_write(name, &to) != ST_OK || to.bad) {
        fprintf(stderr, "no schema %s\n", name);
        return 1;
    }
    fwrite(to.p, 1, to.n, stdout);
    buf_fini(&to);
    return 0;
}

static void print_verdict(const struct batch *b)
{
    if (b->status != ST_OK)
        printf("refused");
    for (uint32_t i = 0; i < b->n; i++)
        putchar(b->verdict[i] == ST_OK ? '+' : '-');
    putchar('\n');
}

static int print_verdicts(void)
{
    struct arena arena = {0};
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
        struct batch b;
        frame_decode(line, (size_t)n, &frame_limits_default, &arena, &b);
        print_verdict(&b);
        arena_reset(&arena);
    }
    free(line);
    arena_fini(&arena);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    return str_eq(str_of(argv[1]), STR("verdicts")) ? print_verdicts() : print_schema(argv[1]);
}
