/* usage_alerts: days on which an app's API calls were unusual, over the error rule, or limited. */
#include "engine/query/alerts.h"
#include "engine/query/usage.h"

enum { RULE_DROP, RULE_ERROR_RATE, RULE_LIMITED, RULE_SPIKE }; /* words of query.def */

static void judge(struct alerts *al, uint64_t app, const struct series_day *days)
{
    uint64_t n[SERIES_DAYS_MAX][API_LIMITED + 1] = {{0}}, calls[SERIES_DAYS_MAX];
    const uint32_t days_n = (uint32_t)(al->series.to_day - al->series.from_day + 1);
    if (!usage_any(&al->series, days) || !usage_admits(al->series.a, QUERY_USAGE_ALERTS_KIND, app))
        return;
    for (uint32_t i = 0; i < days_n; i++) {
        usage_add(n[i], &days[i]);
        const struct alert on = {.day = al->series.from_day + (int32_t)i};
        calls[i] = n[i][API_CALLS];
        struct alert alert = on;
        if (usage_errs(n[i][API_CALLS], n[i][API_ERRORS])) {
            alert.rule = RULE_ERROR_RATE;
            alert.value = usage_permille(n[i][API_ERRORS], calls[i]);
            alert.expected = USAGE_ERRORS_PERMILLE;
            alerts_add(al, &alert);
        }
        if (n[i][API_LIMITED]) {
            alert = on;
            alert.rule = RULE_LIMITED;
            alert.value = n[i][API_LIMITED];
            alerts_add(al, &alert);
        }
    }
    alerts_add_rhythm(al, calls, &(struct alert){.rule = RULE_SPIKE},
                      &(struct alert){.rule = RULE_DROP});
}

static bool put(struct alerts *al, uint64_t app, const struct alert *alert)
{
    static const char *const names[] = {"drop", "error_rate", "limited", "spike"};
    struct page *p = al->series.a->page;
    row_begin(p);
    row_u64(p, app);
    row_day(p, alert->day);
    row_z(p, names[alert->rule]);
    row_u64(p, alert->value);
    row_u64(p, alert->expected);
    return row_end(p);
}

enum status view_usage_alerts_answer(struct answer *a)
{
    struct alerts al = {
        .series = {.a = a, .apps = &a->q.v[QUERY_USAGE_ALERTS_APP], .slot_end = SLOT_WITH_RECORD},
        .rules = &a->q.v[QUERY_USAGE_ALERTS_RULE],
        .judge = judge,
        .put = put};
    return alerts_page(&al);
}
