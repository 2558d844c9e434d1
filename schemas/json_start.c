#include "schemas/json_start.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

static void *alloc(size_t n)
{
    void *p = malloc(n);

    if (p == NULL) {
        (void)fprintf(stderr, "out of memory: no %zu bytes for JSON\n", n);
        abort();
    }
    return p;
}

void json_start(void)
{
    json_set_alloc_funcs(alloc, free);
    json_object_seed(0); /* a random one */
}
