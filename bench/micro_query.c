/* Queries in process: what one question costs on a hot store, without sockets.
 *
 *   micro_query [ROUNDS]
 *
 * An ordinary account (5 apps, 30 days of calls and record events), the largest account that the
 * limits allow (10,000 apps, some with all of 30 days), and an account with 100,000 activity rows.
 * Half of today is still pending. Prints p50, p99 and the longest, in us; no page may hold the loop
 * for 5 ms. */
#include "bench/micro.h"

#define ORDINARY 7
#define LARGE    8
#define BUSY     9

static void fold_day(struct micro *m, uint64_t account, uint64_t app, int32_t day)
{
    const int64_t time_ms = day * MS_PER_DAY + (int64_t)(hash_mix(app) % 43200000);
    for (unsigned i = 0; i < 4; i++)
        micro_fold(m, (struct event){.account = account,
                                     .app = app,
                                     .time_ms = time_ms + i * 1800000,
                                     .count = 3,
                                     .kind = EV_API_CALL,
                                     .method = METHOD_GET,
                                     .status = i ? 200 : 429});
    for (unsigned i = 0; i < 12; i++)
        micro_fold(m, (struct event){.account = account,
                                     .app = app,
                                     .time_ms = time_ms,
                                     .count = 1,
                                     .object_type = (1 + i / 4) << 2,
                                     .record_hash = hash_mix(i),
                                     .kind = (EV_RECORD_CREATED + i % 4) & 255});
}

static void fold_all(struct micro *m, int32_t from, int32_t to)
{
    for (int32_t day = from; day <= to; day++) {
        for (uint64_t app = 1; app <= 5; app++)
            fold_day(m, ORDINARY, app, day);
        for (uint64_t app = 1; app <= 10000; app++)
            fold_day(m, LARGE, app, day);
        for (unsigned i = 0; i < 100000 / 30; i++)
            micro_fold(m, (struct event){.account = BUSY,
                                         .app = 1 + i % 50,
                                         .time_ms = day * MS_PER_DAY + i * 12000,
                                         .user = i % 100,
                                         .has_user = 1,
                                         .count = 1,
                                         .kind = (EV_APP_INSTALLED + i % 9) & 255});
    }
}

static const char *const questions[] = {
    "{\"view\":\"records\",\"account\":7,\"app\":3}",
    "{\"view\":\"records\",\"account\":7,\"app\":3,\"group_by\":\"day\"}",
    "{\"view\":\"records\",\"account\":7,\"app\":3,\"group_by\":\"day\",\"fill\":true}",
    "{\"view\":\"api_usage\",\"account\":7,\"app\":3}",
    "{\"view\":\"api_usage\",\"account\":7,\"slot\":\"quarter\"}",
    "{\"view\":\"distinct_records\",\"account\":7,\"app\":3,\"group_by\":[\"day\",\"action\"]}",
    "{\"view\":\"distinct_records\",\"account\":7,\"app\":3,\"total\":\"range\",\"group_by\":"
    "\"action\"}",
    "{\"view\":\"apps\",\"account\":7}",
    "{\"view\":\"records\",\"account\":8}",
    "{\"view\":\"records\",\"account\":8,\"app\":5000}",
    "{\"view\":\"records\",\"account\":8,\"group_by\":\"day\"}",
    "{\"view\":\"records\",\"account\":8,\"group_by\":\"app\"}",
    "{\"view\":\"records\",\"account\":8,\"group_by\":[]}",
    "{\"view\":\"api_usage\",\"account\":8}",
    "{\"view\":\"api_usage\",\"account\":8,\"group_by\":\"app\"}",
    "{\"view\":\"distinct_records\",\"account\":8}",
    "{\"view\":\"apps\",\"account\":8}",
    "{\"view\":\"apps\",\"account\":8,\"app\":5000}",
    "{\"view\":\"activity\",\"account\":9}",
    "{\"view\":\"activity\",\"account\":9,\"limit\":50}",
    "{\"view\":\"activity\",\"account\":9,\"app\":7,\"user\":56}",
    "{\"view\":\"activity\",\"account\":9,\"user\":5,\"app\":1}",
    "{\"view\":\"activity\",\"account\":9,\"order\":\"arrival\",\"limit\":50}",
    "{\"view\":\"connections\",\"account\":9,\"app\":7}",
    "{\"view\":\"usage\",\"account\":7}",
    "{\"view\":\"usage_alerts\",\"account\":7}",
    "{\"view\":\"record_alerts\",\"account\":7}",
    "{\"view\":\"usage\",\"account\":8}",
    "{\"view\":\"usage_alerts\",\"account\":8}",
    "{\"view\":\"record_alerts\",\"account\":8}",
    "{\"view\":\"api_usage\",\"account\":8,\"zone\":\"Asia/Kathmandu\",\"from\":\"2026-11-22\"}",
    "{\"view\":\"schema\"}",
    "{\"view\":\"conservation\"}",
};

static void fill(struct micro *m)
{
    for (int32_t day = TODAY - 29; day < TODAY; day++) {
        fold_all(m, day, day);
        micro_merge(m);
    }
    fold_all(m, TODAY, TODAY);
    micro_merge(m);
    fold_all(m, TODAY, TODAY);
}

int main(int argc, char **argv)
{
    return micro_run(&(struct micro_plan){"micro-query", fill, questions, N_OF(questions)}, argc,
                     argv);
}
