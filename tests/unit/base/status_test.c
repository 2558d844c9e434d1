/* The table of outcomes: complete, unambiguous, and with codes that a peer can rely on. */
#include "engine/base/check.h"
#include "engine/base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void rows_are_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ST_N; i++) {
        const struct status_row *row = status_row((enum status)i);
        assert_non_null(row->name);
        assert_true(row->text[0] != '\0');
        assert_true(row->http >= 200 && row->http <= 599);
        /* What may succeed later unchanged is not the caller's fault, but for the order of gap. */
        if (row->retry)
            assert_true(row->http >= 500 || i == ST_GAP);
        for (unsigned j = 0; j < i; j++) {
            const struct status_row *other = status_row((enum status)j);
            assert_string_not_equal(row->name, other->name);
            if (row->wire != NULL && other->wire != NULL)
                assert_string_not_equal(row->wire, other->wire);
        }
    }
}

static void wire_code_is_the_name_in_lower_case(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ST_N; i++) {
        const struct status_row *row = status_row((enum status)i);
        if (row->wire == NULL)
            continue;
        assert_int_equal(strlen(row->wire), strlen(row->name));
        for (size_t k = 0; row->name[k] != '\0'; k++) {
            char c = row->name[k];
            assert_int_equal(row->wire[k], c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
    }
}

/* The closed set of the contract, word by word. */
static void contract_codes_exist(void **state)
{
    (void)state;
    static const char *const codes[] = {
        "malformed",     "unknown_type", "invalid",       "too_large",     "too_old",  "too_new",
        "before_floor",  "forbidden",    "gap",           "stale_epoch",   "conflict", "busy",
        "storage_full",  "io_error",     "clock_suspect", "dedupe_full",   "limit",    "bad_cursor",
        "bad_parameter", "not_found",    "unauthorized",  "shutting_down",
    };
    for (size_t c = 0; c < N_OF(codes); c++) {
        unsigned found = 0;
        for (unsigned i = 0; i < ST_N; i++) {
            const char *wire = status_row((enum status)i)->wire;
            found += wire != NULL && strcmp(wire, codes[c]) == 0;
        }
        assert_int_equal(found, 1);
    }
}

static void internal_outcomes_leave_as_io_error(void **state)
{
    (void)state;
    assert_string_equal(status_wire(ST_GAP), "gap");
    assert_string_equal(status_wire(ST_OK), "ok");
    assert_string_equal(status_wire(ST_CORRUPT), "io_error");
    assert_string_equal(status_wire(ST_INTERNAL), "io_error");
}

/* CHECK must end the process also in a release build. */
static void failed_check_aborts(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(STDERR_FILENO);
        (void)status_row(ST_N);
        _exit(0);
    }
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(wire_code_is_the_name_in_lower_case),
        cmocka_unit_test(contract_codes_exist),
        cmocka_unit_test(internal_outcomes_leave_as_io_error),
        cmocka_unit_test(failed_check_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
