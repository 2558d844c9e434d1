/* No memory for JSON ends the program at once, with a sentence. */
#include "schemas/json_start.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

/* The exit status of a child whom the allocation came back to: jansson would go on. */
#define RETURNED 7

static void json_works(void **state)
{
    (void)state;
    json_t *v = json_pack("{s:[i,s]}", "a", 1, "b");
    char *text = json_dumps(v, JSON_COMPACT);
    json_malloc_t take;
    json_free_t give;
    assert_string_equal(text, "{\"a\":[1,\"b\"]}");
    json_get_alloc_funcs(&take, &give);
    give(text);
    json_decref(v);
}

static void no_memory_is_the_end(void **state)
{
    (void)state;
    int ends[2], status;
    char said[4096] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        json_malloc_t take;
        json_free_t give;
        (void)dup2(ends[1], STDERR_FILENO);
        json_get_alloc_funcs(&take, &give);
        (void)take((size_t)1 << 62);
        _exit(RETURNED);
    }
    (void)close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    (void)close(ends[0]);
    /* a sanitizer that is faster exits by a status of its own: 1 the address one, 66 the thread's
     */
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 66);
    if (WIFSIGNALED(status))
        assert_non_null(strstr(said, "out of memory: no 4611686018427387904 bytes for JSON"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_works),
        cmocka_unit_test(no_memory_is_the_end),
    };
    json_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
