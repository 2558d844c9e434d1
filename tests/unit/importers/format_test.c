/* Tables of good and bad input, one per format. An id is 32 hex digits behind its prefix; it is
 * shown as "...": what matters is which inputs share one, and that has tests of its own. */
#include "tests/unit/importers/harness.h"

#include "engine/base/check.h"

struct row {
    const char *name, *input, *want;
};

/* Replace each run of 32 hex digits. */
static void hide_hashes(char *text)
{
    char *to = text;
    for (char *p = text; *p != '\0';) {
        size_t n = strspn(p, "0123456789abcdef");
        if (n == 32) {
            memcpy(to, "...", 3);
            to += 3;
            p += n;
        } else {
            n = n > 0 ? n : 1;
            memmove(to, p, n);
            to += n;
            p += n;
        }
    }
    *to = '\0';
}

static void check_rows(const char *format, const struct import_options *o, const struct row *rows,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *text = render(format, o, NULL, str_of(rows[i].input));
        hide_hashes(text);
        if (strcmp(text, rows[i].want) != 0)
            fail_msg("%s, %s:\n%swanted:\n%s", format, rows[i].name, text, rows[i].want);
        free(text);
    }
}

static const struct import_options filled = {
    .has_account = true, .account = 7, .has_app = true, .app = 42};

#define CALL "{\"type\":\"api.call\",\"account\":7,\"app\":42,\"time\":1240383171000,"
#define AT   "h - - [22/Apr/2009:18:52:51 +1200] "

static void combined_logs(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"combined, one field more", AT "\"GET /a.jpg HTTP/1.1\" 200 986 \"-\" \"Moz\" \"-\"\n",
         CALL "\"method\":\"GET\",\"path\":\"/a.jpg\",\"status\":200}\n"},
        {"common, no line end", AT "\"POST /a HTTP/1.0\" 404 -",
         CALL "\"method\":\"POST\",\"path\":\"/a\",\"status\":404}\n"},
        {"CRLF", AT "\"HEAD / HTTP/1.1\" 304 0\r\n",
         CALL "\"method\":\"HEAD\",\"path\":\"/\",\"status\":304}\n"},
        {"virtual host in front", "www.x.org:80 " AT "\"GET / HTTP/1.1\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/\",\"status\":200}\n"},
        {"IPv6 host in brackets",
         "[::1] - - [22/Apr/2009:18:52:51 +1200] \"GET / HTTP/1.1\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/\",\"status\":200}\n"},
        {"the query string stays out", AT "\"GET /s?token=secret HTTP/1.1\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/s\",\"status\":200}\n"},
        {"absolute form", AT "\"GET http://x.org/p?q HTTP/1.1\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/p\",\"status\":200}\n"},
        {"a space in the path", AT "\"GET /a b HTTP/1.1\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/a b\",\"status\":200}\n"},
        {"no version", AT "\"GET /old\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/old\",\"status\":200}\n"},
        {"an escaped quote", AT "\"GET /a\\\"b HTTP/1.1\" 200 1\n",
         CALL "\"method\":\"GET\",\"path\":\"/a\\\\\\\"b\",\"status\":200}\n"},
        {"nginx closes with 499", AT "\"GET / HTTP/2.0\" 499 0\n",
         CALL "\"method\":\"GET\",\"path\":\"/\",\"status\":499}\n"},
        {"blank lines", "\n\n" AT "\"-\" 408 -\n", "!no_request 3\n"},
        {"TLS on a plain port", AT "\"\\x16\\x03\\x01\" 400 226\n", "!no_request 1\n"},
        {"no request at all", AT "200 1\n", "!no_request 1\n"},
        {"the request is not closed", AT "\"GET / HTTP/1.1 200 1\n", "!no_request 1\n"},
        {"method of another protocol", AT "\"PROPFIND / HTTP/1.1\" 405 1\n", "!bad_method 1\n"},
        {"lower case", AT "\"get / HTTP/1.1\" 405 1\n", "!bad_method 1\n"},
        {"no status", AT "\"GET / HTTP/1.1\"\n", "!bad_status 1\n"},
        {"status 000", AT "\"GET / HTTP/1.1\" 000 0\n", "!bad_status 1\n"},
        {"status 600", AT "\"GET / HTTP/1.1\" 600 0\n", "!bad_status 1\n"},
        {"no time", "h - - \"GET / HTTP/1.1\" 200 0\n", "!no_time 1\n"},
        {"31 April", "h - - [31/Apr/2009:18:52:51 +1200] \"GET / HTTP/1.1\" 200 0\n",
         "!bad_time 1\n"},
        {"Latin-1 path", AT "\"GET /caf\xe9 HTTP/1.1\" 200 0\n", "!not_utf8 1\n"},
        {"good after bad", "nonsense\n" AT "\"GET / HTTP/1.1\" 200 1\n",
         "!no_time 1\n" CALL "\"method\":\"GET\",\"path\":\"/\",\"status\":200}\n"},
    };
    check_rows("combined", &filled, rows, N_OF(rows));
}

static void long_paths_are_cut_at_a_character(void **state)
{
    (void)state;
    char line[1000];
    char path[300];
    memset(path, 'a', sizeof path);
    memcpy(path + 255, "\xc3\xa9", 2); /* bytes 255 and 256 */
    size_t n = text_fmt(line, sizeof line, AT "\"GET %.300s HTTP/1.1\" 200 1", path);
    char *text = render("combined", &filled, NULL, (struct str){line, n});
    char want[600];
    text_fmt(want, sizeof want, CALL "\"method\":\"GET\",\"path\":\"%.255s\",\"status\":200}\n",
             path);
    assert_string_equal(text, want);
    free(text);
}

#define ROW(time) "{\"type\":\"api.call\",\"account\":7,\"app\":42,\"time\":" time ","

static void csv_calls(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"counts by hour", "time,count\n2015/01/01 01:00:00,2\n2015/01/01 04:00:00,3\n",
         ROW("1420074000000") "\"method\":\"GET\",\"status\":200,\"count\":2}\n" ROW(
             "1420084800000") "\"method\":\"GET\",\"status\":200,\"count\":3}\n"},
        {"every column",
         "time,method,status,path,account,app,user,id,count,other\r\n"
         "1,PUT,503,/p,1,2,3,x-1,9,ignored\r\n",
         "{\"type\":\"api.call\",\"account\":1,\"app\":2,\"time\":1000,\"id\":\"x-1\",\"user\":3,"
         "\"method\":\"PUT\",\"path\":\"/p\",\"status\":503,\"count\":9}\n"},
        {"quoted", "\"time\",\"path\"\n\"1\",\"/a,\"\"b\"\"\n/c\"\n2,/d\n",
         ROW("1000") "\"method\":\"GET\",\"path\":\"/a,\\\"b\\\"\\n/c\",\"status\":200}\n" ROW(
             "2000") "\"method\":\"GET\",\"path\":\"/d\",\"status\":200}\n"},
        {"byte order mark", "\xef\xbb\xbftime\n1\n",
         ROW("1000") "\"method\":\"GET\",\"status\":200}\n"},
        {"an empty cell is no value", "time,count,status\n1,,\n",
         ROW("1000") "\"method\":\"GET\",\"status\":200}\n"},
        {"nothing happened", "time,count\n1,0\n", "!zero_count 2\n"},
        {"bad numbers", "time,count,account\n1,-1,1\n1,1.5,1\n1,x,1\n1,1,99999999999999999999\n",
         "!bad_number 2\n!bad_number 3\n!bad_number 4\n!bad_number 5\n"},
        {"bad times", "time\nyesterday\n2015-02-30\n", "!bad_time 2\n!bad_time 3\n"},
        {"no time in a row", "time,count\n,5\n", "!no_time 2\n"},
        {"widths", "time,count\n1\n1,2,3\n1,2\n",
         "!bad_row 2\n!bad_row 3\n" ROW("1000") "\"method\":\"GET\",\"status\":200,\"count\":2}\n"},
        {"an open quote costs its line", "time,count\n1,\"2\n1,2\n",
         "!bad_row 2\n" ROW("1000") "\"method\":\"GET\",\"status\":200,\"count\":2}\n"},
        {"text behind a quote", "time,count\n1,\"2\"x\n", "!bad_row 2\n"},
        {"status", "time,status\n1,99\n1,600\n1,x\n",
         "!bad_status 2\n!bad_status 3\n!bad_status 4\n"},
        {"only a header", "time,count\n", ""},
        {"lines are counted inside quotes", "time,path\n1,\"a\nb\nc\"\nx,y\n",
         ROW("1000") "\"method\":\"GET\",\"path\":\"a\\nb\\nc\",\"status\":200}\n!bad_time 5\n"},
        {"record events by column",
         "time,type,object_type,record\n1,record.created,contacts,5\n"
         "1,record.updated,,5\n1,catalog.app,,\n1,nonsense,,\n",
         "{\"type\":\"record.created\",\"account\":7,\"app\":42,\"time\":1000,"
         "\"object_type\":\"contacts\",\"record\":\"5\"}\n!no_object 3\n!no_counterpart 4\n"
         "!no_counterpart 5\n"},
        {"not UTF-8", "time,path\n1,\xff\n", "!not_utf8 2\n"},
    };
    check_rows("csv", &filled, rows, N_OF(rows));
}

static void csv_options(void **state)
{
    (void)state;
    struct import_options o = filled;
    o.delimiter = ';';
    o.column[CSV_TIME] = STR("when");
    o.column[CSV_RECORD] = STR("contact id");
    o.type = STR("record.merged");
    o.object_type = STR("contacts");
    static const struct row named[] = {
        {"named columns", "when;contact id;time\n5;9;x\n",
         "{\"type\":\"record.merged\",\"account\":7,\"app\":42,\"time\":5000,"
         "\"object_type\":\"contacts\",\"record\":\"9\"}\n"},
        {"a named column must be there", "when;id\n5;9\n",
         "INVALID: no column \"contact id\" for record (--record-column names it); the header has: "
         "when id"},
        {"so must a time", "time;contact id\n5;9\n",
         "INVALID: no column \"when\" for time (--time-column names it); the header has: time "
         "contact id"},
        {"and a header", "", "INVALID: the first row must name the columns"},
    };
    check_rows("csv", &o, named, N_OF(named));
    o = filled;
    o.type = STR("sync.enabled");
    char *text = render("csv", &o, NULL, STR("time\n1\n"));
    assert_string_equal(
        text, "USAGE: --type=sync.enabled: rows can be api.call, record.* or app.* events");
    free(text);
    struct import_options nothing = {0};
    text = render("csv", &nothing, NULL, STR("time,app\n1,5\n1,\n"));
    assert_string_equal(text, "!no_account 2\n!no_app 3\n");
    free(text);
}

#define CE                                                                                         \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/accounts/3/apps/9/eu\","                  \
    "\"time\":\"1970-01-01T00:00:01Z\","

static void cloudevents(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a connection", CE "\"type\":\"app.connection.installed\",\"data\":{\"user\":\"5\"}}",
         "{\"user\":5,\"account\":3,\"app\":9,\"time\":1000,\"type\":\"app.installed\","
         "\"id\":\"ce-...\"}\n"},
        {"a batch",
         "[" CE "\"type\":\"app.sync.enabled\",\"data\":{\"user\":5}}," CE
         "\"type\":\"crm.record.created\",\"data\":{\"object_type\":\"0-1\"}}]",
         "{\"user\":5,\"account\":3,\"app\":9,\"time\":1000,\"type\":\"sync.enabled\","
         "\"id\":\"ce-...\"}\n"
         "{\"object_type\":\"0-1\",\"account\":3,\"app\":9,\"time\":1000,"
         "\"type\":\"record.created\",\"id\":\"ce-...\"}\n"},
        {"data wins over the source",
         CE "\"type\":\"permission.granted\",\"data\":{\"account\":1,\"app\":\"2\"}}",
         "{\"account\":1,\"app\":2,\"time\":1000,\"type\":\"permission.granted\",\"id\":\"ce-...\"}"
         "\n"},
        {"extension attributes", CE "\"type\":\"permission.granted\",\"account\":5,\"app\":6}",
         "{\"account\":5,\"app\":6,\"time\":1000,\"type\":\"permission.granted\","
         "\"id\":\"ce-...\"}\n"},
        {"options fill",
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"x\",\"subject\":\"apps/8\","
         "\"time\":\"1970-01-01T00:00:01Z\",\"type\":\"permission.granted\"}",
         "{\"account\":7,\"app\":8,\"time\":1000,\"type\":\"permission.granted\","
         "\"id\":\"ce-...\"}\n"},
        {"an empty batch", "[]", ""},
        {"unknown type", CE "\"type\":\"com.example.thing\"}", "!no_counterpart 1\n"},
        {"no type", "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"x\"}", "!no_type 1\n"},
        {"no id", "{\"specversion\":\"1.0\",\"type\":\"api.call\",\"source\":\"x\"}",
         "!no_data 1\n"},
        {"data as text", CE "\"type\":\"api.call\",\"data\":\"x\"}", "!no_data 1\n"},
        {"data with a float", CE "\"type\":\"api.call\",\"data\":{\"x\":{\"y\":[[[[[[[1]]]]]]]}}}",
         "!malformed 1\n"},
        {"no time", "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"x\",\"type\":\"api.call\"}",
         "!no_time 1\n"},
        {"local time",
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"x\",\"type\":\"api.call\","
         "\"time\":\"2026-01-01T00:00:00\"}",
         "!bad_time 1\n"},
    };
    check_rows("cloudevents", &filled, rows, N_OF(rows));
    struct import_options none = {0};
    static const struct row lacking[] = {
        {"no account",
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"x\",\"type\":\"api.call\"}",
         "!no_account 1\n"},
        {"no app",
         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/accounts/1\","
         "\"type\":\"api.call\"}",
         "!no_app 1\n"},
    };
    check_rows("cloudevents", &none, lacking, N_OF(lacking));
}

#define HS(type)                                                                                   \
    "{\"eventId\":1,\"subscriptionId\":2,\"portalId\":33,\"appId\":4,\"occurredAt\":5000,"         \
    "\"attemptNumber\":0,\"subscriptionType\":\"" type "\""
#define HS_EVENT(type, app, object)                                                                \
    "{\"type\":\"record." type "\",\"account\":33,\"app\":" app                                    \
    ",\"time\":5000,\"id\":\"hs-...\","                                                            \
    "\"object_type\":\"" object "\",\"record\":\"9\"}\n"

static void hubspot(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"creation", "[" HS("contact.creation") ",\"objectId\":9}]",
         HS_EVENT("created", "0", "0-1")},
        {"the acting app is sourceId",
         "[" HS(
             "deal.propertyChange") ",\"objectId\":9,"
                                    "\"changeSource\":\"INTEGRATION\",\"sourceId\":\"2931120\"}]",
         HS_EVENT("updated", "2931120", "0-3")},
        {"a user",
         "[" HS("company.deletion") ",\"objectId\":9,\"changeSource\":\"CRM_UI\","
                                    "\"sourceId\":\"userId:864745280\"}]",
         "{\"type\":\"record.deleted\",\"account\":33,\"app\":0,\"time\":5000,\"id\":\"hs-...\","
         "\"user\":864745280,\"object_type\":\"0-2\",\"record\":\"9\"}\n"},
        {"the old spelling",
         "[{\"portalId\":33,\"occurredAt\":5000,\"objectId\":9,"
         "\"eventType\":\"ticket.restore\"}]",
         HS_EVENT("restored", "0", "0-5")},
        {"merge",
         "[" HS("product.merge") ",\"objectId\":1,\"primaryObjectId\":8,\"newObjectId\":9}]",
         HS_EVENT("merged", "0", "0-7")},
        {"association",
         "[" HS("line_item.associationChange") ",\"fromObjectId\":9,\"toObjectId\":8}]",
         HS_EVENT("associated", "0", "0-8")},
        {"generic object", "[" HS("object.creation") ",\"objectId\":9,\"objectTypeId\":\"2-123\"}]",
         HS_EVENT("created", "0", "2-123")},
        {"privacy deletion", "[" HS("contact.privacyDeletion") ",\"objectId\":9}]",
         "{\"type\":\"record.deleted\",\"account\":33,\"app\":0,\"time\":5000,"
         "\"id\":\"hs-contact-...\",\"object_type\":\"0-1\",\"record\":\"9\"}\n"},
        {"conversation", HS("conversation.creation") ",\"objectId\":9}",
         HS_EVENT("created", "0", "conversations")},
        {"one a line",
         HS("deal.creation") ",\"objectId\":9}\n" HS("deal.creation") ",\"objectId\":9}\n",
         HS_EVENT("created", "0", "0-3") HS_EVENT("created", "0", "0-3")},
        {"no record change",
         "[" HS("conversation.newMessage") "}," HS("event.completed") "}," HS("user.creation") "}]",
         "!no_counterpart 1\n!no_counterpart 1\n!no_counterpart 1\n"},
        {"no type", "[{\"portalId\":1},{\"subscriptionType\":\"contact\"}]",
         "!no_type 1\n!no_type 1\n"},
        {"no object", "[" HS("contact.creation") "}," HS("object.creation") ",\"objectId\":9}]",
         "!no_object 1\n!no_object 1\n"},
        {"times",
         "[{\"portalId\":1,\"subscriptionType\":\"deal.creation\",\"objectId\":9},"
         "{\"portalId\":1,\"subscriptionType\":\"deal.creation\",\"objectId\":9,"
         "\"occurredAt\":\"noon\"}]",
         "!no_time 1\n!bad_time 1\n"},
    };
    check_rows("hubspot", &filled, rows, N_OF(rows));
    struct import_options none = {0};
    char *text = render("hubspot", &none, NULL,
                        STR("[{\"subscriptionType\":\"deal.creation\",\"objectId\":9,"
                            "\"occurredAt\":1}]"));
    assert_string_equal(text, "!no_account 1\n");
    free(text);
}

/* The id that an importer gave to the only event of the input. */
static void id_of(const char *format, const char *input, char id[static 64])
{
    char *text = render(format, &filled, NULL, str_of(input));
    const char *p = strstr(text, "\"id\":\"");
    assert_non_null(p);
    size_t n = strcspn(p + 6, "\"");
    assert_true(n > 32 && n < 64);
    text_fmt(id, 64, "%.*s", (int)n, p + 6);
    free(text);
}

static void identities(void **state)
{
    (void)state;
#define N(extra) "[{\"eventId\":1,\"portalId\":33,\"occurredAt\":5000,\"objectId\":9" extra "}]"
#define CREATED  ",\"subscriptionType\":\"contact.creation\""
#define C(source, id)                                                                              \
    "{\"specversion\":\"1.0\",\"type\":\"permission.granted\",\"source\":\"" source                \
    "\",\"id\":\"" id "\",\"time\":\"1970-01-01T00:00:01Z\"}"
    static const struct {
        const char *format, *a, *b;
        bool same;
    } rows[] = {
        {"hubspot", N(CREATED ",\"attemptNumber\":0"), N(CREATED ",\"attemptNumber\":6"), true},
        {"hubspot", N(CREATED), N(",\"eventType\":\"contact.creation\""), true},
        {"hubspot", N(CREATED ",\"subscriptionId\":1"), N(CREATED ",\"subscriptionId\":2"), false},
        {"hubspot", N(CREATED), N(",\"subscriptionType\":\"company.creation\""), false},
        {"hubspot", N(CREATED ",\"propertyName\":\"a\",\"propertyValue\":\"bc\""),
         N(CREATED ",\"propertyName\":\"ab\",\"propertyValue\":\"c\""), false},
        {"hubspot", N(",\"subscriptionType\":\"contact.deletion\""),
         N(",\"subscriptionType\":\"contact.privacyDeletion\",\"eventId\":2"), true},
        {"hubspot", N(",\"subscriptionType\":\"contact.deletion\""),
         N(",\"subscriptionType\":\"company.deletion\""), false},
        {"cloudevents", C("a", "1"), C("a", "1"), true},
        {"cloudevents", C("a", "1"), C("b", "1"), false},
        {"cloudevents", C("a", "1"), C("a", "2"), false},
        {"cloudevents", C("ab", "c"), C("a", "bc"), false},
    };
    for (size_t i = 0; i < N_OF(rows); i++) {
        char a[64], b[64];
        /* A second eventId would be a duplicate key: write it over the first. */
        char other[300];
        const char *second = strstr(rows[i].b, ",\"eventId\":2");
        text_fmt(other, sizeof other, "%s", rows[i].b);
        if (second != NULL)
            text_fmt(other, sizeof other, "%.*s}]", (int)(second - rows[i].b), rows[i].b);
        id_of(rows[i].format, rows[i].a, a);
        id_of(rows[i].format, other, b);
        if ((strcmp(a, b) == 0) != rows[i].same)
            fail_msg("%s and %s: %s %s", rows[i].a, other, a, b);
    }
}

#define GH                                                                                         \
    "\"installation\":{\"id\":3},\"repository\":{\"id\":8,\"owner\":{\"id\":21},"                  \
    "\"pushed_at\":1000},\"sender\":{\"id\":4}"
#define GH_EVENT(type, object, record)                                                             \
    "{\"type\":\"record." type "\",\"account\":21,\"app\":3,\"time\":1000000,\"user\":4,"          \
    "\"object_type\":\"" object "\",\"record\":\"" record "\"}\n"
#define GH_INSTALL(action)                                                                         \
    "{\"action\":\"" action "\",\"installation\":{\"id\":3,\"app_id\":99,"                         \
    "\"account\":{\"id\":5},\"created_at\":\"1970-01-01T02:00:01.000+02:00\",\"updated_at\":7,"    \
    "\"permissions\":{\"issues\":\"write\",\"checks\":\"read\"}},\"sender\":{\"id\":4}}"
#define GH_APP(type, reason) GH_APP_AT(type, reason, "7000")
#define GH_APP_AT(type, reason, time)                                                              \
    "{\"type\":\"app." type "\",\"account\":5,\"app\":99,\"time\":" time ","                       \
    "\"user\":4,\"reason\":\"" reason "\"}\n"

static void github(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"installed", GH_INSTALL("created"), GH_APP("installed", "created")},
        {"uninstalled", GH_INSTALL("deleted"), GH_APP("uninstalled", "deleted")},
        {"suspended and back", "[" GH_INSTALL("suspend") "," GH_INSTALL("unsuspend") "]",
         GH_APP("disconnected", "suspend") GH_APP_AT("reconnected", "unsuspend", "7001")},
        {"one instant, several payloads: in their order, whatever they are",
         "[" GH_INSTALL("unsuspend") "," GH_INSTALL("exploded") "," GH_INSTALL(
             "suspend") "," GH_INSTALL("unsuspend") "]",
         GH_APP("reconnected", "unsuspend") "!no_counterpart 1\n" GH_APP_AT(
             "disconnected", "suspend", "7001") GH_APP_AT("reconnected", "unsuspend", "7002")},
        {"permissions", GH_INSTALL("new_permissions_accepted"),
         "{\"type\":\"permission.granted\",\"account\":5,\"app\":99,\"time\":7000,\"user\":4,"
         "\"scopes\":[\"issues\",\"checks\"]}\n"},
        {"an installation that did something else", GH_INSTALL("exploded"), "!no_counterpart 1\n"},
        {"the index of examples",
         "[{\"name\":\"issues\",\"examples\":[{\"action\":\"opened\","
         "\"issue\":{\"id\":77}," GH "},{\"action\":\"labeled\",\"issue\":{\"id\":77}," GH "}]},"
         "{\"name\":\"release\",\"examples\":[{\"action\":\"deleted\",\"release\":{\"id\":6}," GH
         "}]}]",
         GH_EVENT("created", "issues", "77") GH_EVENT("updated", "issues", "77")
             GH_EVENT("deleted", "release", "6")},
        {"bare payloads are recognised",
         "{\"action\":\"created\",\"comment\":{\"id\":9},"
         "\"issue\":{\"id\":77}," GH "}\n{\"action\":\"submitted\",\"review\":{\"id\":9},"
         "\"pull_request\":{\"id\":77}," GH "}\n",
         GH_EVENT("created", "issue_comment", "9") GH_EVENT("created", "pull_request_review", "9")},
        {"the last word names the object",
         "[{\"name\":\"code_scanning_alert\",\"examples\":["
         "{\"action\":\"fixed\",\"alert\":{\"number\":10}," GH "}]}]",
         GH_EVENT("updated", "code_scanning_alert", "10")},
        {"refs",
         "[{\"name\":\"create\",\"examples\":[{\"ref\":\"v1\",\"ref_type\":\"tag\"," GH "}]},"
         "{\"name\":\"delete\",\"examples\":[{\"ref\":\"x\",\"ref_type\":\"branch\"," GH "}]},"
         "{\"name\":\"push\",\"examples\":[{\"ref\":\"refs/heads/x\",\"commits\":[]," GH "}]}]",
         GH_EVENT("created", "tag", "v1") GH_EVENT("deleted", "branch", "x")
             GH_EVENT("updated", "push", "refs/heads/x")},
        {"the newest instant, not an expiry",
         "{\"action\":\"edited\",\"issue\":{\"id\":1,"
         "\"created_at\":\"1970-01-01T00:00:02Z\",\"expires_at\":\"1999-01-01T00:00:00Z\","
         "\"user\":{\"updated_at\":\"1970-01-01T00:16:40Z\"}}," GH "}",
         GH_EVENT("updated", "issues", "1")},
        {"no counterpart",
         "[{\"name\":\"star\",\"examples\":[{\"action\":\"sparkled\"," GH "}]},"
         "{\"name\":\"ping\",\"examples\":[{\"zen\":\"x\"}, 5]}]",
         "!no_counterpart 1\n!no_counterpart 1\n!not_object 1\n"},
        {"no time",
         "{\"action\":\"opened\",\"issue\":{\"id\":1},\"repository\":{\"owner\":{\"id\":1}},"
         "\"sender\":{\"id\":4}}",
         "!no_time 1\n"},
    };
    check_rows("github", &filled, rows, N_OF(rows));
}

/* Without --app: the app that another payload names for the installation, wherever it stands; else
 * the installation's own number; a change outside of any installation has none. */
static void github_apps(void **state)
{
    (void)state;
    struct import_options none = {0};
#define OPENED(with)                                                                               \
    "{\"action\":\"opened\",\"issue\":{\"id\":1,\"created_at\":\"1970-01-01T00:00:02Z\"},"         \
    "\"repository\":{\"owner\":{\"id\":1}}" with "}"
#define ISSUE(app)                                                                                 \
    "{\"type\":\"record.created\",\"account\":1,\"app\":" app ",\"time\":2000,"                    \
    "\"object_type\":\"issues\",\"record\":\"1\"}\n"
    static const struct row rows[] = {
        {"named later", OPENED(",\"installation\":{\"id\":3}") "\n" GH_INSTALL("deleted"),
         ISSUE("99") GH_APP("uninstalled", "deleted")},
        {"never named", OPENED(",\"installation\":{\"id\":3}"), ISSUE("3")},
        {"no installation", OPENED(""), "!no_app 1\n"},
    };
    check_rows("github", &none, rows, N_OF(rows));
    struct import_options named = {.event = STR("meta"), .has_app = true};
    char *text =
        render("github", &named, NULL,
               STR("{\"action\":\"deleted\",\"hook\":{\"updated_at\":5},\"meta\":{\"id\":6},"
                   "\"sender\":{\"id\":2}}"));
    assert_string_equal(text, "{\"type\":\"record.deleted\",\"account\":2,\"app\":0,\"time\":5000,"
                              "\"user\":2,\"object_type\":\"meta\",\"record\":\"6\"}\n");
    free(text);
}

/* A delivery happened when it arrived, whatever is older in it, and is the hook's app's. */
static void github_deliveries(void **state)
{
    (void)state;
    struct import_options live = {
        .received_ms = 9000, .event = STR("issues"), .has_app = true, .hook_app = 55};
#define LIVE(app)                                                                                  \
    "{\"type\":\"record.created\",\"account\":1,\"app\":" app ",\"time\":9000,"                    \
    "\"object_type\":\"issues\",\"record\":\"1\"}\n"
    static const struct row rows[] = {
        {"the hook's app", OPENED(",\"installation\":{\"id\":3}"), LIVE("55")},
        {"its own app", OPENED(",\"installation\":{\"id\":3,\"app_id\":99}"), LIVE("99")},
        {"no installation", OPENED(""), LIVE("0")},
    };
    check_rows("github", &live, rows, N_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(combined_logs), cmocka_unit_test(long_paths_are_cut_at_a_character),
        cmocka_unit_test(csv_calls),     cmocka_unit_test(csv_options),
        cmocka_unit_test(cloudevents),   cmocka_unit_test(hubspot),
        cmocka_unit_test(identities),    cmocka_unit_test(github),
        cmocka_unit_test(github_apps),   cmocka_unit_test(github_deliveries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
