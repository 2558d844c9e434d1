/* Problems of connections: when they open, renew, end and count as resolved. */
#include "tests/unit/aggregators/days_help.h"

/* One issue per (connection, problem): repeats and errors that come back within a day of the last
 * failure renew it; what was resolved is opened again. Times are hours; 0: it lasts. */
struct hour_signal {
    unsigned kind;
    int64_t hour;
};

static const struct problem_row {
    struct hour_signal signals[3];
    enum problem_kind problem;
    unsigned episodes, repeats;
    int64_t opened, ended, resolved;
} problem_rows[] = {
    {{{EV_APP_ERROR, 1}, {EV_APP_ERROR, 2}}, PROBLEM_ERROR, 1, 2, 1, 0, 0},
    {{{EV_APP_ERROR, 1}, {EV_APP_RECOVERED, 3}}, PROBLEM_ERROR, 1, 1, 1, 3, 25},
    {{{EV_APP_ERROR, 1}, {EV_APP_RECOVERED, 30}}, PROBLEM_ERROR, 1, 1, 1, 30, 30},
    {{{EV_APP_ERROR, 1}, {EV_APP_RECONNECTED, 3}}, PROBLEM_ERROR, 1, 1, 1, 3, 3},
    {.signals = {{EV_APP_ERROR, 1}, {EV_APP_RECOVERED, 3}, {EV_APP_ERROR, 20}},
     .problem = PROBLEM_ERROR,
     .episodes = 1,
     .repeats = 2,
     .opened = 1},
    {.signals = {{EV_APP_ERROR, 1}, {EV_APP_RECOVERED, 3}, {EV_APP_ERROR, 25}},
     .problem = PROBLEM_ERROR,
     .episodes = 2,
     .repeats = 1,
     .opened = 25},
    {.signals = {{EV_APP_ERROR, 1}, {EV_APP_RECONNECTED, 3}, {EV_APP_ERROR, 4}},
     .problem = PROBLEM_ERROR,
     .episodes = 2,
     .repeats = 1,
     .opened = 4},
    {{{EV_APP_ERROR, 1}, {EV_APP_EXPIRED, 3}}, PROBLEM_ERROR, 1, 1, 1, 3, 3},
    {.signals = {{EV_APP_EXPIRED, 1}, {EV_APP_RECONNECTED, 2}, {EV_APP_EXPIRED, 3}},
     .problem = PROBLEM_EXPIRED,
     .episodes = 2,
     .repeats = 1,
     .opened = 3},
    {{{EV_PERMISSION_REAUTH, 1}, {EV_PERMISSION_GRANTED, 2}}, PROBLEM_REAUTH, 1, 1, 1, 2, 2},
    /* Beside a worse state: */
    {{{EV_PERMISSION_REAUTH, 1}, {EV_APP_ERROR, 2}}, PROBLEM_ERROR, 1, 1, 2, 0, 0},
    {{{EV_PERMISSION_REAUTH, 1}, {EV_APP_ERROR, 2}}, PROBLEM_REAUTH, 1, 1, 1, 0, 0},
    {{{EV_APP_EXPIRED, 1}, {EV_APP_ERROR, 2}, {EV_APP_ERROR, 3}}, PROBLEM_ERROR, 1, 2, 2, 0, 0},
    {{{EV_APP_DISCONNECTED, 1}, {EV_APP_EXPIRED, 2}}, PROBLEM_EXPIRED, 1, 1, 2, 0, 0},
    {{{EV_APP_EXPIRED, 1}, {EV_APP_ERROR, 2}, {EV_APP_RECOVERED, 3}},
     PROBLEM_ERROR,
     1,
     1,
     2,
     3,
     26},
    {{{EV_APP_EXPIRED, 1}, {EV_APP_ERROR, 2}, {EV_APP_RECONNECTED, 3}},
     PROBLEM_ERROR,
     1,
     1,
     2,
     3,
     3},
    {{{EV_PERMISSION_REAUTH, 1}, {EV_APP_ERROR, 2}, {EV_APP_EXPIRED, 3}},
     PROBLEM_ERROR,
     1,
     1,
     2,
     3,
     3},
    {{{EV_PERMISSION_REAUTH, 1}, {EV_APP_ERROR, 2}, {EV_PERMISSION_GRANTED, 3}},
     PROBLEM_ERROR,
     1,
     1,
     2,
     0,
     0},
    {{{EV_PERMISSION_REAUTH, 1}, {EV_APP_ERROR, 2}, {EV_PERMISSION_GRANTED, 3}},
     PROBLEM_REAUTH,
     1,
     1,
     1,
     3,
     3},
    {{{EV_APP_EXPIRED, 1}, {EV_PERMISSION_REAUTH, 2}, {EV_PERMISSION_GRANTED, 3}},
     PROBLEM_REAUTH,
     1,
     1,
     2,
     3,
     3},
    {.signals = {{EV_APP_EXPIRED, 1}, {EV_APP_UNINSTALLED, 2}, {EV_APP_ERROR, 3}},
     .problem = PROBLEM_ERROR},
    {{{EV_APP_DISCONNECTED, 1}, {EV_APP_UNINSTALLED, 2}}, PROBLEM_DISCONNECTED, 1, 1, 1, 2, 2},
};

static void check_problem(const struct problem_row *row, bool merged)
{
    enum { HOUR = 3600000 };
    const int64_t start = (TODAY - 3) * MS_PER_DAY;
    struct fixture f;
    struct view v;
    struct arena a = {0};
    struct connection_list list;
    days_setup(&f);
    for (unsigned k = 0; k < N_OF(row->signals) && row->signals[k].kind; k++) {
        const struct event e =
            signal_at(5, row->signals[k].kind, start + row->signals[k].hour * HOUR);
        days_fold(&f, &e, (const uint8_t[]){0}, 1);
        if (merged)
            (void)days_merge_now(&f, 1000);
    }
    days_view(&f, &v);
    view_connections(&v, 5, &(uint64_t){3}, &a, &list);
    assert_int_equal(list.n, 1);
    assert_true(list.rows[0].troubled);
    const struct problem *p = &list.rows[0].problems[row->problem];
    assert_int_equal(p->episodes, row->episodes);
    assert_int_equal(p->repeats, row->repeats);
    assert_int_equal(p->opened_ms, row->opened ? start + row->opened * HOUR : 0);
    assert_int_equal(p->ended_ms, row->ended ? start + row->ended * HOUR : 0);
    assert_int_equal(problem_resolved_ms(p), row->resolved ? start + row->resolved * HOUR : 0);
    view_close(&v);
    arena_fini(&a);
    days_teardown(&f);
}

static void problems_open_and_resolve(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_OF(problem_rows); i++) {
        check_problem(&problem_rows[i], false);
        check_problem(&problem_rows[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_open_and_resolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
