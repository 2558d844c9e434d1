/* The connections home in process: what its views cost on a hot store, without sockets.
 *
 *   micro_views [ROUNDS]
 *
 * An account with 200 apps, 5,000 connections and 30 full days (each app calls in every half-hour
 * and changes records of four types in five ways, 300 different ones a day), 1,000 users, 320 apps
 * and 200 lessons in the catalogues, and 400 other accounts to compare it with. A tenth of the
 * connections has problems; the last signals are still pending. Prints p50, p99 and the longest, in
 * us. To be held: home below 5 ms, all others below 2 ms. */
#include "bench/micro.h"

#include "aggregators/popularity.h"
#include "schemas/out.h"

#define ACCOUNT  7
#define APPS     200
#define USERS    1000
#define PER_APP  25 /* connections */
#define COMMON   320
#define LESSONS  200
#define ACCOUNTS 400

static struct buf fields = {.cap_max = 4096}; /* of the entry that is made */

/* ---- reference data ---- */

static void say(struct micro *m, unsigned kind, uint64_t account, uint64_t key)
{
    char text[24];
    text_fmt(text, sizeof text, "%llu", (unsigned long long)key);
    const struct event_more more = {.reference_key = str_of(text),
                                    .reference_fields = {(const char *)fields.p, fields.n}};
    micro_fold(m, (struct event){.account = account,
                                 .app = key,
                                 .time_ms = NOW_MS - MS_PER_DAY,
                                 .kind = kind & 255,
                                 .more = &more});
}

static struct out begin(uint32_t pairs_n)
{
    buf_reset(&fields);
    struct out o = out_to(ENCODING_MSGPACK, &fields);
    out_map(&o, pairs_n);
    return o;
}

static void fold_catalogue(struct micro *m, uint64_t app)
{
    static const char *const kinds[] = {"marketplace", "private", "built-in"};
    char text[64];
    struct out o = begin(8);
    text_fmt(text, sizeof text, "App number %llu", (unsigned long long)app);
    out_pair_z(&o, "name", text);
    text_fmt(text, sizeof text, "Developer %llu", (unsigned long long)(app % 150));
    out_pair_z(&o, "developer", text);
    out_pair_z(&o, "kind", kinds[app % 7 < 5 ? 0 : app % 7 - 4]);
    out_pair_bool(&o, "shows_status", true);
    out_key(&o, "required_scopes");
    out_array(&o, 2);
    out_z(&o, "contacts.read");
    out_z(&o, "contacts.write");
    out_end(&o);
    out_key(&o, "optional_scopes");
    out_array(&o, 2);
    out_z(&o, "deals.read=deal sync");
    out_z(&o, "tickets.read=ticket sync");
    out_end(&o);
    out_pair_z(&o, "marketplace_url", "https://marketplace.example/apps/some-app");
    out_pair_z(&o, "settings_url", "https://app.example/settings/some-app");
    out_end(&o);
    say(m, EV_CATALOG_APP, app % 16 ? 0 : ACCOUNT, app);
}

static void fold_reference(struct micro *m)
{
    char text[64];
    for (uint64_t app = 1; app <= COMMON; app++)
        fold_catalogue(m, app);
    for (uint64_t user = 1; user <= USERS; user++) {
        struct out o = begin(3);
        text_fmt(text, sizeof text, "User Number %llu", (unsigned long long)user);
        out_pair_z(&o, "name", text);
        out_pair_z(&o, "email", "somebody@example.com");
        out_pair_bool(&o, "super_admin", user < 3);
        out_end(&o);
        say(m, EV_DIRECTORY_USER, ACCOUNT, user);
    }
    for (uint64_t lesson = 1; lesson <= LESSONS; lesson++) {
        struct out o = begin(5);
        out_pair_z(&o, "title", "How to keep an integration healthy");
        out_pair_z(&o, "link", "https://academy.example/lessons/healthy");
        out_pair_z(&o, "language", "en");
        out_pair_z(&o, "topic", "upkeep");
        out_key(&o, "apps");
        out_array(&o, 2);
        out_u64(&o, lesson % APPS);
        out_u64(&o, lesson % 7);
        out_end(&o);
        out_end(&o);
        say(m, EV_CATALOG_ACADEMY, 0, lesson);
    }
}

/* ---- activity ---- */

/* Whose signal it is. */
struct whose {
    uint64_t account, app, user;
};

static void fold_signal(struct micro *m, struct whose of, unsigned kind, int64_t age_ms)
{
    static const struct event_more more = {.reason = {"the token was refused", 21},
                                           .code = {"401", 3}};
    micro_fold(m, (struct event){.account = of.account,
                                 .app = of.app,
                                 .user = of.user,
                                 .has_user = 1,
                                 .time_ms = NOW_MS - age_ms,
                                 .kind = kind & 255,
                                 .more = kind == EV_APP_INSTALLED ? NULL : &more});
}

static void fold_connections(struct micro *m)
{
    static const unsigned bad[] = {EV_APP_DISCONNECTED, EV_APP_EXPIRED, EV_APP_ERROR,
                                   EV_PERMISSION_REAUTH};
    for (uint64_t app = 1; app <= APPS; app++)
        for (uint64_t i = 0; i < PER_APP; i++) {
            const uint64_t user = 1 + hash_mix(app * 1000 + i) % USERS;
            const int64_t age_ms = (int64_t)(hash_mix(app + i * 777) % 20) * MS_PER_DAY + 5000;
            const struct whose whose = {ACCOUNT, app, user};
            fold_signal(m, whose, EV_APP_INSTALLED, age_ms + 4000000);
            fold_signal(m, whose, EV_APP_ERROR, age_ms + 3000000);
            fold_signal(m, whose, EV_APP_RECONNECTED, age_ms + 2000000);
            if ((app + i) % 10 == 0)
                fold_signal(m, whose, bad[i % 4], age_ms);
        }
    for (uint64_t account = 100; account < 100 + ACCOUNTS; account++)
        for (uint64_t i = 0; i < 12; i++) {
            const uint64_t app = 1 + hash_mix(account % 20 * 100 + i) % COMMON;
            fold_signal(m, (struct whose){account, app, 1}, EV_APP_INSTALLED, MS_PER_DAY);
        }
}

static void fold_app_day(struct micro *m, uint64_t app, int32_t day)
{
    const int64_t start_ms = day * MS_PER_DAY;
    const unsigned half_hours = day == TODAY ? 24 : 48;
    for (unsigned i = 0; i < half_hours; i++)
        micro_fold(m, (struct event){.account = ACCOUNT,
                                     .app = app,
                                     .time_ms = start_ms + i * 1800000,
                                     .count = 20,
                                     .kind = EV_API_CALL,
                                     .method = i % 3 ? METHOD_GET : METHOD_POST,
                                     .status = i % 9 ? 200 : 429});
    for (unsigned i = 0; i < 300; i++)
        micro_fold(m, (struct event){.account = ACCOUNT,
                                     .app = app,
                                     .time_ms = start_ms + i * 100000,
                                     .object_type = (1 + (i + app) % 4) << 2,
                                     .record_hash = hash_mix(i + 1),
                                     .kind = (EV_RECORD_CREATED + i % 5) & 255});
}

static void fill(struct micro *m)
{
    bool more = true;
    fold_reference(m);
    fold_connections(m);
    for (int32_t day = TODAY - 29; day <= TODAY; day++) {
        for (uint64_t app = 1; app <= APPS; app++)
            fold_app_day(m, app, day);
        micro_merge(m);
    }
    while (more)
        must(days_sweep(m->days, 100000, &more), "cannot count accounts");
    for (uint64_t app = 1; app <= APPS; app += 10) {
        fold_signal(m, (struct whose){ACCOUNT, app, 5}, EV_APP_INSTALLED, 3000);
        micro_fold(m, (struct event){.account = ACCOUNT,
                                     .app = app,
                                     .time_ms = NOW_MS - 2000,
                                     .kind = EV_API_CALL,
                                     .method = METHOD_GET,
                                     .status = 200});
    }
}

/* ---- asking ---- */

static const char *const questions[] = {
    "{\"view\":\"home\",\"account\":7,\"viewer\":5}",
    "{\"view\":\"home\",\"account\":7,\"viewer\":5,\"rows\":500}",
    "{\"view\":\"attention\",\"account\":7}",
    "{\"view\":\"attention\",\"account\":7,\"limit\":50}",
    "{\"view\":\"attention\",\"account\":7,\"state\":\"all\"}",
    "{\"view\":\"attention\",\"account\":7,\"app\":10}",
    "{\"view\":\"my_apps\",\"account\":7,\"viewer\":5}",
    "{\"view\":\"other_apps\",\"account\":7,\"viewer\":5}",
    "{\"view\":\"other_apps\",\"account\":7,\"viewer\":5,\"duplicate\":true}",
    "{\"view\":\"connections\",\"account\":7,\"app\":10}",
    "{\"view\":\"recommendations\",\"account\":7}",
    "{\"view\":\"recommendations\",\"account\":7,\"limit\":5}",
    "{\"view\":\"app\",\"account\":7,\"app\":10}",
    "{\"view\":\"permissions\",\"account\":7,\"app\":10}",
    "{\"view\":\"academy\",\"account\":7}",
    "{\"view\":\"academy\",\"account\":7,\"app\":10,\"language\":\"en\"}",
    "{\"view\":\"catalog\",\"account\":7}",
    "{\"view\":\"users\",\"account\":7}",
    "{\"view\":\"plan\",\"account\":7}",
    "{\"view\":\"settings\",\"account\":7}",
    "{\"view\":\"apps\",\"account\":7}",
    "{\"view\":\"usage\",\"account\":7}",
    "{\"view\":\"usage\",\"account\":7,\"kind\":\"all\",\"zone\":\"Asia/Kathmandu\"}",
    "{\"view\":\"usage_alerts\",\"account\":7,\"kind\":\"all\"}",
    "{\"view\":\"record_alerts\",\"account\":7}",
    "{\"view\":\"record_alerts\",\"account\":7,\"app\":10}",
    "{\"view\":\"api_usage\",\"account\":7,\"kind\":\"all\",\"group_by\":\"day\"}",
    "{\"view\":\"api_usage\",\"account\":7,\"kind\":\"all\",\"zone\":\"Asia/"
    "Kathmandu\",\"group_by\":"
    "\"day\"}",
    "{\"view\":\"api_usage\",\"account\":7,\"kind\":\"all\",\"zone\":\"Asia/Kathmandu\"}",
    "{\"view\":\"api_usage\",\"account\":7,\"kind\":\"all\",\"zone\":\"Asia/Kathmandu\",\"slot\":"
    "\"quarter\",\"group_by\":[\"day\",\"time\"]}",
    "{\"view\":\"records\",\"account\":7}",
    "{\"view\":\"records\",\"account\":7,\"group_by\":[\"day\",\"action\"]}",
    "{\"view\":\"records\",\"account\":7,\"group_by\":\"app\"}",
    "{\"view\":\"activity\",\"account\":7}",
    "{\"view\":\"activity\",\"account\":7,\"app\":10,\"user\":5,\"type\":\"app.installed\"}",
};

int main(int argc, char **argv)
{
    const struct micro_plan plan = {"micro-views", fill, questions, N_OF(questions)};
    const int code = micro_run(&plan, argc, argv);
    buf_fini(&fields);
    return code;
}
