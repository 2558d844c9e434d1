/* The description of the HTTP API is the one that is checked in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "schemas/openapi.h"

#define COPY "schemas/openapi.json" /* ctest runs tests in the root of the tree */

static struct buf written(void)
{
    struct buf b = buf_of((size_t)4 << 20);
    openapi_write(&b);
    assert_false(b.bad);
    return b;
}

static void test_checked_in_copy(void **state)
{
    struct buf now = written();
    char *copy = malloc(now.n + 2);
    FILE *f = fopen(COPY, "rb");
    (void)state;
    assert_non_null(copy);
    assert_non_null(f);
    size_t n = fread(copy, 1, now.n + 2, f);
    (void)fclose(f);
    if (n != now.n || memcmp(copy, now.p, n) != 0)
        fail_msg("%s is of other tables; write it anew: daybook schema openapi > %s", COPY, COPY);
    free(copy);
    buf_fini(&now);
}

/* Every reference leads somewhere. */
static void follow(const json_t *root, const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;
    const char *ref = json_string_value(json_object_get(v, "$ref"));
    if (ref != NULL) {
        char path[256];
        const json_t *at = root;
        assert_int_equal(strncmp(ref, "#/", 2), 0);
        assert_true(strlen(ref) < sizeof(path));
        memcpy(path, ref + 2, strlen(ref + 2) + 1);
        for (char *p = path; p != NULL;) {
            char *slash = strchr(p, '/');
            if (slash != NULL)
                *slash = '\0';
            at = json_object_get(at, p);
            if (at == NULL)
                fail_msg("%s leads nowhere", ref);
            p = slash == NULL ? NULL : slash + 1;
        }
    }
    json_object_foreach((json_t *)v, key, item) follow(root, item);
    json_array_foreach(v, i, item) follow(root, item);
}

static void test_references(void **state)
{
    struct buf now = written();
    json_error_t e;
    (void)state;
    json_t *root = json_loadb((const char *)now.p, now.n, JSON_REJECT_DUPLICATES, &e);
    if (root == NULL)
        fail_msg("line %d: %s", e.line, e.text);
    follow(root, root);
    json_decref(root);
    buf_fini(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checked_in_copy),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
