/* Places and their order, and every kind of mistake with the words that are to help. */
#include "engine/config/config.h"
#include "engine/base/check.h"
#include "engine/base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[128];
static char file[160];
static char file_flag[176];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    text_fmt(dir, sizeof(dir), "%s/daybook-config-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL)
        return -1;
    text_fmt(file, sizeof(file), "%s/d.json", dir);
    text_fmt(file_flag, sizeof(file_flag), "--config=%s", file);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(file);
    return rmdir(dir);
}

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

#define WORDS_MAX 8

/* One call: a file's text (or NULL), up to WORDS_MAX flags and variables. */
struct call {
    const char *file;
    const char *flags[WORDS_MAX];
    const char *env[WORDS_MAX];
};

static struct config now;
static struct config_report report;

static enum status load(const struct call *c)
{
    char *argv[WORDS_MAX + 3] = {(char *)"daybookd"};
    char *envp[WORDS_MAX + 2] = {(char *)"HOME=/root"};
    int argc = 1;
    if (c->file != NULL) {
        write_file(c->file);
        argv[argc++] = file_flag;
    }
    for (unsigned i = 0; i < WORDS_MAX && c->flags[i] != NULL; i++)
        argv[argc++] = (char *)c->flags[i];
    for (unsigned i = 0; i < WORDS_MAX && c->env[i] != NULL; i++)
        envp[i + 1] = (char *)c->env[i];
    return config_load(&(struct config_words){argc, argv, envp}, &now, &report);
}

static void defaults(void **state)
{
    (void)state;
    assert_int_equal(load(&(struct call){.file = NULL}), ST_OK);
    assert_int_equal(report.exit_code, 0);
    assert_int_equal(report.lines_n, 0);
    assert_int_equal(now.mode, CONFIG_RUN);
    assert_string_equal(now.data_dir, "./daybook-data");
    assert_string_equal(now.ingest_listen, "tcp://127.0.0.1:7701");
    assert_string_equal(now.push_listen, "tcp://127.0.0.1:7702");
    assert_string_equal(now.query_listen, "tcp://127.0.0.1:7703");
    assert_string_equal(now.http_listen, "127.0.0.1:7700");
    assert_string_equal(now.feed_listen, "tcp://127.0.0.1:7704");
    assert_string_equal(now.keyring, "");
    assert_int_equal(now.data_floor, 20423);
    assert_int_equal(now.message_bytes_max, 1 << 20);
    assert_int_equal(now.batch_events_max, 10000);
    assert_int_equal(now.event_bytes_max, 64 << 10);
    assert_int_equal(now.string_bytes_max, 256);
    assert_int_equal(now.depth_max, 8);
    assert_int_equal(now.rejected_max, 100000);
    assert_int_equal(now.activity_rows_max, 1000000);
    assert_int_equal(now.object_types_max, 1024);
    assert_int_equal(now.apps_max, 10000);
    assert_int_equal(now.connections_per_account_max, 100000);
    assert_int_equal(now.users_max, 100000);
    assert_int_equal(now.scopes_max, 256);
    assert_int_equal(now.producers_max, 1000000);
    assert_int_equal(now.producer_idle_days, 400);
    assert_int_equal(now.connections_max, 20000);
    assert_int_equal(now.pending_bytes, 768 << 20);
    assert_int_equal(now.journal_bytes, 256 << 20);
    assert_true(now.id_window_bytes == UINT64_C(4) << 30);
    assert_int_equal(now.id_window_hours, 48);
    assert_true(now.front_map_bytes == UINT64_C(64) << 30);
    assert_true(now.days_map_bytes == UINT64_C(64) << 30);
    assert_int_equal(now.read_txn_ms, 2000);
    assert_int_equal(now.page_rows_max, 1000);
    assert_int_equal(now.answer_bytes_max, 4 << 20);
    assert_int_equal(now.checkpoint_ms, 3000);
    assert_int_equal(now.busy_after_ms, 3000);
    assert_int_equal(now.log_level, 2);
    assert_int_equal(now.log_format, CONFIG_LOG_TEXT);
    assert_false(now.clock_accept);
    struct config plain;
    config_default(&plain);
    assert_memory_equal(&plain, &now, sizeof(plain));
}

static void later_place_wins(void **state)
{
    (void)state;
    struct call c = {
        .file = "{\"io_threads\": 2,\n \"data_dir\": \"/file\", \"page_rows_max\": 7,\n"
                " \"clock_accept\": true, \"pending_bytes\": \"64MiB\"}",
        .env = {"DAYBOOK_DATA_DIR=/env", "DAYBOOK_PAGE_ROWS_MAX=8"},
        .flags = {"--page-rows-max=9", "--data_floor", "2026-01-31", "--page-rows-max", "10"},
    };
    assert_int_equal(load(&c), ST_OK);
    assert_int_equal(now.io_threads, 2);
    assert_string_equal(now.data_dir, "/env");
    assert_int_equal(now.page_rows_max, 10);
    assert_int_equal(now.pending_bytes, 64 << 20);
    assert_true(now.clock_accept);
    assert_int_equal(now.origin[OPTION_clock_accept].place, FROM_FILE);
    assert_int_equal(now.origin[OPTION_clock_accept].line, 3);
    assert_int_equal(now.origin[OPTION_io_threads].line, 1);
    assert_int_equal(now.origin[OPTION_data_dir].place, FROM_ENVIRONMENT);
    assert_int_equal(now.origin[OPTION_page_rows_max].place, FROM_COMMAND_LINE);
    assert_int_equal(now.origin[OPTION_keyring].place, FROM_DEFAULT);
    assert_string_equal(now.file, file);
}

static void file_named_by_environment(void **state)
{
    (void)state;
    char var[192];
    write_file("{\"io_threads\": 3}");
    text_fmt(var, sizeof(var), "DAYBOOK_CONFIG=%s", file);
    assert_int_equal(load(&(struct call){.env = {var}}), ST_OK);
    assert_int_equal(now.io_threads, 3);
    struct call both = {.file = "{\"io_threads\": 4}", .env = {"DAYBOOK_CONFIG=/nowhere"}};
    assert_int_equal(load(&both), ST_OK);
    assert_int_equal(now.io_threads, 4);
}

/* One shell may hold the variables of the daemon and of the client programs. */
static void variables_of_others_are_left_alone(void **state)
{
    (void)state;
    struct call c = {.env = {"DAYBOOK_INGEST=tcp://x:1", "DAYBOOK_QUERY=tcp://x:2",
                             "DAYBOOK_TEST_DEADLINE=1", "DAYBOOK=/usr/bin/daybook", "DAYBOOKD_X=1",
                             "NOT_DAYBOOK_X=1"}};
    assert_int_equal(load(&c), ST_OK);
    assert_int_equal(report.lines_n, 0);
    assert_int_equal(load(&(struct call){.env = {"DAYBOOK_TEST_=1"}}), ST_INVALID);
    assert_int_equal(load(&(struct call){.env = {"DAYBOOK_INGESTS=1"}}), ST_INVALID);
}

static void forms_of_values(void **state)
{
    (void)state;
    struct call c = {
        .flags = {"--clock-accept", "--checkpoint-ms=1min", "--message-bytes-max=2 MiB",
                  "--id-window-hours=72h", "--log-level=debug", "--log-format=json",
                  "--http-listen=", "--group-bytes-max=67108864"},
        .env = {"DAYBOOK_KEYRING="},
    };
    assert_int_equal(load(&c), ST_OK);
    assert_true(now.clock_accept);
    assert_int_equal(now.checkpoint_ms, 60000);
    assert_int_equal(now.message_bytes_max, 2 << 20);
    assert_int_equal(now.id_window_hours, 72);
    assert_int_equal(now.log_level, 3);
    assert_int_equal(now.log_format, CONFIG_LOG_JSON);
    assert_string_equal(now.http_listen, "");
    assert_int_equal(now.group_bytes_max, 64 << 20);
}

static void modes(void **state)
{
    (void)state;
    static const struct {
        const char *flag[2];
        enum config_mode want;
    } rows[] = {
        {{"--check"}, CONFIG_CHECK},
        {{"--print-config"}, CONFIG_PRINT},
        {{"--help"}, CONFIG_HELP},
        {{"--version"}, CONFIG_VERSION},
        {{"--print-config", "--check"}, CONFIG_PRINT},
        {{"--nonsense", "--help"}, CONFIG_HELP}, /* asking for help is never an error */
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        struct call c = {.flags = {rows[i].flag[0], rows[i].flag[1]}};
        assert_int_equal(load(&c), ST_OK);
        assert_int_equal(now.mode, rows[i].want);
    }
    struct call bad = {.flags = {"--check", "--io-threads=0"}};
    assert_int_equal(load(&bad), ST_INVALID);
}

/* A fault and what its line must say. @ stands for the file's name. */
static const struct fault {
    struct call call;
    int exit_code;
    const char *says;
} faults[] = {
    /* unknown names, with the nearest known one in the spelling of the place */
    {{.file = "{\"data_dri\": \"/x\"}"},
     78,
     "@:1: data_dri: unknown option; did you mean data_dir?"},
    {{.file = "{\n\n\"zzzzzzzzzzzz\": 1}"}, 78, "@:3: zzzzzzzzzzzz: unknown option; --help lists"},
    {{.env = {"DAYBOOK_DATADIR=/x"}},
     78,
     "environment: DAYBOOK_DATADIR: unknown option; did you mean DAYBOOK_DATA_DIR?"},
    {{.flags = {"--data-dirr=/x"}},
     64,
     "command line: --data-dirr: unknown option; did you mean --data-dir?"},
    {{.flags = {"--chek"}}, 64, "--chek: unknown option"},
    {{.file = "{\"config\": \"x\"}"}, 78, "@:1: config: unknown option"},
    /* the form of the command line */
    {{.flags = {"start"}}, 64, "\"start\" is not an option; options are written --name=value"},
    {{.flags = {"-v"}}, 64, "\"-v\" is not an option"},
    {{.flags = {"--=x"}}, 64, "\"--=x\" is not an option"},
    {{.flags = {"--"}}, 64, "\"--\" is not an option"},
    {{.flags = {"--data-dir"}}, 64, "--data-dir needs a value"},
    {{.flags = {"--data-dir", "--check"}}, 64, "--data-dir needs a value"},
    {{.flags = {"--config="}}, 64, "--config: the configuration file's name must have 1 to"},
    {{.flags = {"--check=yes"}}, 64, "--check: unknown option"},
    /* numbers */
    {{.flags = {"--io-threads=0"}},
     78,
     "command line: --io-threads: \"0\": out of range; allowed: 1 to 16"},
    {{.flags = {"--io-threads=17"}}, 78, "\"17\": out of range; allowed: 1 to 16"},
    {{.env = {"DAYBOOK_IO_THREADS=many"}},
     78,
     "environment: DAYBOOK_IO_THREADS: \"many\": not a number; allowed: 1 to 16"},
    {{.env = {"DAYBOOK_IO_THREADS="}}, 78, "\"\": not a number"},
    {{.file = "{\n\"io_threads\": -1}"}, 78, "@:2: io_threads: \"-1\": not a number"},
    {{.file = "{\"io_threads\": 1.5}"},
     78,
     "a number with a fraction is not a value of this option"},
    {{.flags = {"--io-threads=2KiB"}}, 78, "\"2KiB\": not a number"},
    {{.flags = {"--pending-bytes=1PiB"}},
     78,
     "not a number; allowed: 1MiB to 64GiB (a plain number"},
    {{.flags = {"--pending-bytes=99999999999999999999"}},
     78,
     "out of range; allowed: 1MiB to 64GiB"},
    {{.flags = {"--pending-bytes=99999999999999TiB"}}, 78, "out of range"},
    {{.flags = {"--pending-bytes=007"}}, 78, "not a number"},
    {{.flags = {"--checkpoint-ms=3 s s"}}, 78, "not a number; allowed: 10ms to 10min"},
    /* other types */
    {{.file = "{\"clock_accept\": 1}"},
     78,
     "@:1: clock_accept: a number is not a value of this option; allowed: true, false"},
    {{.flags = {"--clock-accept=yes"}}, 78, "\"yes\": not a truth value; allowed: true, false"},
    {{.file = "{\"data_dir\": 5}"},
     78,
     "a number is not a value of this option; allowed: 1 to 1023 bytes"},
    {{.file = "{\"data_dir\": null}"}, 78, "null is not a value"},
    {{.file = "{\"data_dir\": [\"/x\"]}"}, 78, "an array is not a value"},
    {{.file = "{\"data_dir\": {}}"}, 78, "an object is not a value"},
    {{.file = "{\"data_dir\": \"\"}"}, 78, "too short; allowed: 1 to 1023 bytes"},
    {{.flags = {"--data-dir=a\nb"}}, 78, "\"a?b\": not plain UTF-8 text"},
    {{.flags = {"--data-dir=\xff"}}, 78, "not plain UTF-8 text"},
    {{.flags = {"--data-floor=2025-02-29"}},
     78,
     "\"2025-02-29\": not a day; allowed: 1970-01-01 to 9999-12-31"},
    {{.flags = {"--data-floor=1969-12-31"}}, 78, "out of range; allowed: 1970-01-01"},
    {{.flags = {"--log-level=loud"}},
     78,
     "\"loud\": unknown word; allowed: error, warn, info, debug"},
    {{.flags = {"--log-format="}}, 78, "unknown word; allowed: text, json"},
    {{.flags = {"--public-url=ftp://x"}}, 78, "not a URL; allowed: http://... or https://..."},
    {{.flags = {"--ingest-listen=127.0.0.1:1"}}, 78, "not an endpoint; allowed: tcp://HOST:PORT"},
    {{.flags = {"--http-listen=tcp://127.0.0.1:1"}}, 78, "not an address; allowed: HOST:PORT"},
    /* the file as a whole */
    {{.file = ""}, 78, "@:1: not JSON:"},
    {{.file = "{\n\"io_threads\": 1,\n}"}, 78, "@:3: not JSON:"},
    {{.file = "[1]"}, 78, "@:1: an array instead of one object"},
    {{.file = "{\"io_threads\": 1, \"io_threads\": 2}"}, 78, "@:1: not JSON: duplicate"},
    {{.flags = {"--config=/nowhere/d.json"}},
     78,
     "/nowhere/d.json: cannot be read: No such file or directory"},
    {{.flags = {"--config=/tmp"}}, 78, "/tmp: cannot be read: Is a directory"},
    /* values against each other */
    {{.flags = {"--http-listen=0.0.0.0:7700"}},
     78,
     "command line: http_listen: \"0.0.0.0:7700\" can be reached from other machines, and "
     "nobody is asked for a key; allowed: 127.0.0.0/8, [::1], localhost and ipc://"},
    {{.flags = {"--keyring=k.json"}},
     78,
     "command line: keyring: \"k.json\": this version checks no keys; allowed: empty."},
    {{.env = {"DAYBOOK_PUSH_LISTEN=tcp://*:1"}},
     78,
     "environment: push_listen: \"tcp://*:1\" can be"},
    {{.file = "{\n\"query_listen\": \"tcp://127.0.0.1:7701\"}"},
     78,
     "@:2: query_listen: \"tcp://127.0.0.1:7701\" is already the address of ingest_listen"},
    {{.flags = {"--http-listen=127.0.0.1:7703"}}, 78, "is already the address of query_listen"},
    {{.flags = {"--event-bytes-max=2MiB"}},
     78,
     "command line: event_bytes_max: 2MiB is above message_bytes_max, which is 1MiB (default); "
     "allowed: at most 1MiB"},
    {{.flags = {"--journal-bytes=4MiB"}},
     78,
     "default: group_bytes_max: 8MiB is above journal_bytes"},
};

/* says, with @ replaced by the file's name. */
static void expand(const char *says, char *buf, size_t cap)
{
    const char *at = strchr(says, '@');
    if (at == NULL)
        text_fmt(buf, cap, "%s", says);
    else
        text_fmt(buf, cap, "%.*s%s%s", (int)(at - says), says, file, at + 1);
}

static void every_kind_of_fault(void **state)
{
    (void)state;
    char want[1024];
    for (size_t i = 0; i < N_OF(faults); i++) {
        memset(&now, 0x5a, sizeof(now));
        struct config before = now;
        enum status st = load(&faults[i].call);
        expand(faults[i].says, want, sizeof(want));
        if (strstr(report.text, want) == NULL)
            fail_msg("row %zu: wanted \"%s\" in \"%s\"", i, want, report.text);
        assert_int_equal(st, faults[i].exit_code == 64 ? ST_USAGE : ST_INVALID);
        assert_int_equal(report.exit_code, faults[i].exit_code);
        assert_memory_equal(&before, &now, sizeof(now));
        assert_int_equal(report.text[report.n - 1], '\n');
    }
}

static void all_faults_are_told_at_once(void **state)
{
    (void)state;
    struct call c = {
        .file = "{\"io_threads\": 99, \"x\": 1}",
        .env = {"DAYBOOK_LOG_LEVEL=loud"},
        .flags = {"--depth-max=0"},
    };
    assert_int_equal(load(&c), ST_INVALID);
    assert_int_equal(report.lines_n, 4);
    assert_int_equal(report.exit_code, CONFIG_EXIT_CONFIG);
}

/* A name may be written with escapes, and what looks like names stands in values and below. */
static void lines_are_those_of_the_names(void **state)
{
    (void)state;
    struct call c = {.file = "{\"record_to\": \"a{\\\"io_threads\\\": ,[\",\n"
                             " \"x\": {\"keyring\":\n 1},\n"
                             " \"\\u0069o_threads\": 0}"};
    char want[256];
    assert_int_equal(load(&c), ST_INVALID);
    text_fmt(want, sizeof(want), "%s:2: x: unknown", file);
    assert_non_null(strstr(report.text, want));
    text_fmt(want, sizeof(want), "%s:4: io_threads: \"0\"", file);
    assert_non_null(strstr(report.text, want));
}

static void the_system_may_choose_a_port(void **state)
{
    (void)state;
    struct call chosen = {.flags = {"--http-listen=127.0.0.1:0",
                                    "--ingest-listen=tcp://127.0.0.1:0",
                                    "--push-listen=tcp://127.0.0.1:*", "--query-listen="}};
    assert_int_equal(load(&chosen), ST_OK);
}

static void report_has_an_end(void **state)
{
    (void)state;
    static char big[64000];
    size_t n = text_fmt(big, sizeof(big), "{\"k\":1");
    for (unsigned i = 0; i < 1000; i++)
        n += text_fmt(big + n, sizeof(big) - n, ",\"unknown_%u\":1", i);
    text_fmt(big + n, sizeof(big) - n, "}");
    assert_int_equal(load(&(struct call){.file = big}), ST_INVALID);
    assert_int_equal(report.lines_n, 1001);
    assert_true(report.n < sizeof(report.text) && strlen(report.text) == report.n);
}

static enum status reload(const char *text, struct config *out)
{
    write_file(text);
    char *argv[] = {(char *)"daybookd", file_flag, (char *)"--io-threads=2", NULL};
    return config_reload(&now, &(struct config_words){3, argv, NULL}, out, &report);
}

static void reload_takes_the_live_ones(void **state)
{
    (void)state;
    struct config next;
    struct call c = {.file = "{\"log_level\": \"info\"}", .flags = {"--io-threads=2"}};
    assert_int_equal(load(&c), ST_OK);
    assert_int_equal(reload("{\"log_level\": \"debug\",\n\"data_dir\": \"/other\"}", &next), ST_OK);
    assert_int_equal(next.log_level, 3);
    assert_string_equal(next.data_dir, "./daybook-data");
    assert_int_equal(next.origin[OPTION_data_dir].place, FROM_DEFAULT);
    assert_int_equal(next.io_threads, 2);
    assert_int_equal(report.lines_n, 1);
    assert_int_equal(report.exit_code, 0);
    assert_non_null(strstr(report.text, ":2: data_dir: \"/other\" needs a restart; "
                                        "\"./daybook-data\" stays in force"));
    /* An option that is gone from the file goes back to its default. */
    now = next;
    assert_int_equal(reload("{}", &next), ST_OK);
    assert_int_equal(next.log_level, 2);
}

static void reload_with_a_fault_keeps_the_old(void **state)
{
    (void)state;
    struct config next;
    memset(&next, 0x5a, sizeof(next));
    struct config before = next;
    struct call c = {.file = "{\"http_listen\": \"127.0.0.1:80\"}", .flags = {"--io-threads=2"}};
    assert_int_equal(load(&c), ST_OK);
    assert_int_equal(reload("{\"log_level\": 7}", &next), ST_INVALID);
    assert_memory_equal(&before, &next, sizeof(next));
    assert_int_equal(reload("{\"keyring\": \"k\"}", &next), ST_INVALID);
    assert_non_null(strstr(report.text, "this version checks no keys"));
    assert_memory_equal(&before, &next, sizeof(next));
}

static void printed_values_and_help(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    struct call c = {.file = "{\n\"pending_bytes\": 67108864}", .env = {"DAYBOOK_LOG_LEVEL=warn"}};
    assert_int_equal(load(&c), ST_OK);
    FILE *f = open_memstream(&text, &n);
    assert_non_null(f);
    config_print(&now, f);
    config_help(f);
    assert_int_equal(fclose(f), 0);
    char want[256];
    text_fmt(want, sizeof(want), "%-28s %-24s (%s:2)\n", "pending_bytes", "64MiB", file);
    assert_non_null(strstr(text, want));
    text_fmt(want, sizeof(want), "%-28s %-24s (environment)\n", "log_level", "warn");
    assert_non_null(strstr(text, want));
    text_fmt(want, sizeof(want), "%-28s %-24s (default)\n", "keyring", "\"\"");
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "\n  --log-level *\n"));
    assert_non_null(strstr(text, "default: 768MiB; allowed: 1MiB to 64GiB"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(later_place_wins),
        cmocka_unit_test(file_named_by_environment),
        cmocka_unit_test(variables_of_others_are_left_alone),
        cmocka_unit_test(forms_of_values),
        cmocka_unit_test(modes),
        cmocka_unit_test(every_kind_of_fault),
        cmocka_unit_test(all_faults_are_told_at_once),
        cmocka_unit_test(lines_are_those_of_the_names),
        cmocka_unit_test(the_system_may_choose_a_port),
        cmocka_unit_test(report_has_an_end),
        cmocka_unit_test(reload_takes_the_live_ones),
        cmocka_unit_test(reload_with_a_fault_keeps_the_old),
        cmocka_unit_test(printed_values_and_help),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
