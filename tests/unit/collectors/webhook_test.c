/* Signatures against vectors that are not ours: v1 and v2 are those of HubSpot's own client's
 * tests, v3 and GitHub's were made with other programs. */
#include "collectors/webhook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/base/check.h"

#define URI "https://www.example.com/webhook_uri"
#define NOW 1564113600000
#define CONTACT                                                                                    \
    "[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000,"    \
    "\"subscriptionType\":\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,"              \
    "\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":54321}]"
#define EXAMPLE "{\"example_field\":\"example_value\"}"

static struct webhook sender(enum webhook_kind kind, const char *secret)
{
    struct webhook w = {.kind = kind};
    text_fmt(w.name, sizeof w.name, "crm");
    text_fmt(w.secret, sizeof w.secret, "%s", secret);
    return w;
}

static bool verify(const struct webhook *w, struct webhook_request r)
{
    const char *why = "";
    const bool ok = webhook_verify(w, &r, &why);
    assert_true(ok || why[0] != '\0');
    return ok;
}

static void hubspot_signatures_of_others_are_known(void **state)
{
    (void)state;
    const struct webhook w = sender(WEBHOOK_HUBSPOT, "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
    struct webhook_request r = {
        .method = STR("POST"), .uri = STR(URI), .body = STR(CONTACT), .now_ms = NOW};
    r.version = STR("v1");
    r.signature = STR("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de");
    assert_true(verify(&w, r));
    r.body = STR(EXAMPLE);
    assert_false(verify(&w, r));
    r.version = STR("v2");
    r.signature = STR("9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900");
    assert_true(verify(&w, r));
    r.method = STR("GET");
    assert_false(verify(&w, r));
    r.body = (struct str){"", 0};
    r.signature = STR("eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e");
    assert_true(verify(&w, r));
}

static void hubspot_v3_has_its_time(void **state)
{
    (void)state;
    const struct webhook w = sender(WEBHOOK_HUBSPOT, "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
    struct webhook_request r = {.method = STR("POST"),
                                .uri = STR(URI),
                                .body = STR(EXAMPLE),
                                .timestamp = STR("1564113600000"),
                                .signature_v3 = STR("eT0ip2TKVpsIi1vb5C2Uu42eNdHL+oTE3NRZOF67O2U="),
                                .now_ms = NOW};
    assert_true(verify(&w, r));
    r.uri = STR("https://www.example.com/webhook%5Furi"); /* the same with an escape */
    assert_true(verify(&w, r));
    r.uri = STR(URI);
    r.body = STR(CONTACT);
    assert_false(verify(&w, r));
    r.signature_v3 = STR("DxmVAjFNa2xfF3YgQjdZP6TNcok9k1oaH7UXombPtvw=");
    assert_true(verify(&w, r));
    r.now_ms = NOW + WEBHOOK_AGE_MS;
    assert_true(verify(&w, r));
    r.now_ms++;
    assert_false(verify(&w, r));
    r.now_ms = NOW - WEBHOOK_AGE_MS;
    assert_true(verify(&w, r));
    r.now_ms--;
    assert_false(verify(&w, r));
    r.now_ms = NOW;
    r.timestamp = (struct str){0};
    assert_false(verify(&w, r));
    r.timestamp = STR("1564113600000x");
    assert_false(verify(&w, r));
}

static void github_signatures_of_others_are_known(void **state)
{
    (void)state;
    /* docs.github.com, "Validating webhook deliveries": testing the validation */
    const struct webhook w = sender(WEBHOOK_GITHUB, "It's a Secret to Everybody");
    struct webhook_request r = {
        .method = STR("POST"),
        .body = STR("Hello, World!"),
        .signature =
            STR("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")};
    assert_true(verify(&w, r));
    r.body = STR("Hello, World?");
    assert_false(verify(&w, r));
    r.body = STR("Hello, World!");
    r.signature.p += 7; /* without the prefix */
    r.signature.n -= 7;
    assert_false(verify(&w, r));
}

static void what_is_no_signature_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "sha256=",
        "232d",
        "zz",
        "v1",
        "====",
        "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f"
        "4817dezz",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    for (unsigned kind = 0; kind < WEBHOOK_KINDS; kind++) {
        const struct webhook w = sender((enum webhook_kind)kind, "s");
        for (size_t i = 0; i < N_OF(texts); i++) {
            struct webhook_request r = {.method = STR("POST"),
                                        .uri = STR(URI),
                                        .body = STR(EXAMPLE),
                                        .timestamp = STR("1564113600000"),
                                        .signature = str_of(texts[i]),
                                        .version = STR("v1"),
                                        .now_ms = NOW};
            assert_false(verify(&w, r));
            r.version = STR("v2");
            assert_false(verify(&w, r));
            r.version = STR("v9");
            assert_false(verify(&w, r));
            r.signature_v3 = str_of(texts[i]);
            assert_false(verify(&w, r));
            r.signature = r.signature_v3 = (struct str){0};
            assert_false(verify(&w, r));
        }
    }
}

static enum status load(const char *text, mode_t mode, struct webhooks **out, char why[256])
{
    char path[] = "/tmp/daybook-webhooks-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    const enum status st = webhooks_load(path, out, why);
    unlink(path);
    return st;
}

static void the_file_is_read_or_its_line_is_named(void **state)
{
    (void)state;
    struct webhooks *w = NULL;
    char why[256];
    static const struct {
        const char *text, *part;
    } wrong[] = {
        {"crm hubspot s\nCRM hubspot s\n", "line 2: a name has"},
        {"crm slack s\n", "line 1: the kind is"},
        {"\n# a word\ncrm github\n", "line 3: a secret has"},
        {"crm github s t\n", "line 1: a line has three words"},
        {"crm github s\ncrm github t\n", "line 2: this kind has"},
    };
    assert_int_equal(webhooks_load("", &w, why), ST_OK);
    assert_null(webhooks_find(w, WEBHOOK_HUBSPOT, STR("crm")));
    webhooks_free(&w);
    assert_int_equal(
        load("# senders\ncrm hubspot one # for the CRM\n\ncrm github two\n", 0600, &w, why), ST_OK);
    assert_string_equal(webhooks_find(w, WEBHOOK_HUBSPOT, STR("crm"))->secret, "one");
    assert_string_equal(webhooks_find(w, WEBHOOK_GITHUB, STR("crm"))->secret, "two");
    assert_null(webhooks_find(w, WEBHOOK_GITHUB, STR("other")));
    webhooks_free(&w);
    for (size_t i = 0; i < N_OF(wrong); i++) {
        assert_int_equal(load(wrong[i].text, 0600, &w, why), ST_USAGE);
        assert_non_null(strstr(why, wrong[i].part));
    }
    static char longest[1100];
    memset(longest, '#', sizeof longest - 2);
    longest[sizeof longest - 2] = '\n';
    assert_int_equal(load(longest, 0600, &w, why), ST_USAGE);
    assert_non_null(strstr(why, "line 1: a line has at most"));
    assert_int_equal(load("crm hubspot s\n", 0640, &w, why), ST_USAGE);
    assert_non_null(strstr(why, "0600"));
    assert_int_equal(webhooks_load("/nowhere/webhooks", &w, why), ST_NOT_FOUND);
    assert_non_null(strstr(why, "/nowhere/webhooks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hubspot_signatures_of_others_are_known),
        cmocka_unit_test(hubspot_v3_has_its_time),
        cmocka_unit_test(github_signatures_of_others_are_known),
        cmocka_unit_test(what_is_no_signature_is_refused),
        cmocka_unit_test(the_file_is_read_or_its_line_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
