/* A file of senders, and a request's signature. The first byte picks.
 *
 * File: it is read, or a line of it is named. Request: six lines (method, URI, version, signature,
 * signature v3, timestamp; "-": absent), then the body. What is refused has a reason; what is
 * signed here, by one-shot functions, is taken, and with one bit of it turned is not. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "collectors/webhook.h"
#include "engine/base/bytes.h"
#include "engine/base/check.h"

#define HASH 32U

static void check_file(const uint8_t *data, size_t n)
{
    char path[64], why[256] = "";
    struct webhooks *w = NULL;
    int fd = memfd_create("webhooks", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(fchmod(fd, 0600) == 0);
    CHECK(write(fd, data, n) == (ssize_t)n);
    text_fmt(path, sizeof(path), "/proc/self/fd/%d", fd);
    enum status st = webhooks_load(path, &w, why);
    if (st == ST_OK) {
        CHECK(webhooks_find(w, WEBHOOK_HUBSPOT, STR("")) == NULL);
        webhooks_free(&w);
    } else {
        CHECK(st == ST_USAGE);
        CHECK(strstr(why, ", line ") != NULL);
    }
    CHECK(w == NULL);
    (void)close(fd);
}

static struct str next_line(struct str *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    struct str line = {rest->p, end == NULL ? rest->n : (size_t)(end - rest->p)};
    size_t used = end == NULL ? line.n : line.n + 1;
    *rest = (struct str){rest->p + used, rest->n - used};
    return str_eq(line, STR("-")) ? (struct str){0} : line;
}

static void put(struct buf *to, struct str s)
{
    if (s.n > 0)
        buf_put(to, s.p, s.n);
}

/* Sign r as its sender would: version 1 to 3 of HubSpot, 0: GitHub. text outlives r. */
static void sign(struct webhook_request *r, const struct webhook *w, unsigned version,
                 char text[static 128])
{
    struct buf all = buf_of((size_t)8 << 20);
    uint8_t hash[HASH];
    const struct str secret = str_of(w->secret);
    const bool hmac = version == 0 || version == 3;
    size_t at = version == 0 ? 7 : 0;
    if (!hmac)
        put(&all, secret);
    if (version >= 2) {
        put(&all, r->method);
        put(&all, r->uri);
    }
    put(&all, r->body);
    if (version == 3)
        put(&all, r->timestamp);
    buf_u8(&all, 0); /* so that there are bytes */
    if (hmac) {
        crypto_auth_hmacsha256_state s;
        crypto_auth_hmacsha256_init(&s, (const uint8_t *)secret.p, secret.n);
        crypto_auth_hmacsha256_update(&s, all.p, all.n - 1);
        crypto_auth_hmacsha256_final(&s, hash);
    } else {
        crypto_hash_sha256(hash, all.p, all.n - 1);
    }
    CHECK(!all.bad);
    buf_fini(&all);
    text_fmt(text, 128, "sha256=");
    if (version == 3)
        sodium_bin2base64(text, 128, hash, HASH, sodium_base64_VARIANT_ORIGINAL);
    else
        sodium_bin2hex(text + at, 128 - at, hash, HASH);
    r->signature = version == 3 ? (struct str){0} : str_of(text);
    r->signature_v3 = version == 3 ? str_of(text) : (struct str){0};
    r->version = version == 1 ? STR("v1") : STR("v2");
}

static void check_signed(struct webhook_request r, const struct webhook *w, unsigned version)
{
    char text[128], seconds[24];
    const char *why = "";
    r.timestamp =
        (struct str){seconds, text_fmt(seconds, sizeof(seconds), "%lld", (long long)r.now_ms)};
    sign(&r, w, version, text);
    CHECK(webhook_verify(w, &r, &why));
    char *digit = &text[version == 0 ? 8 : 1];
    *digit = *digit == 'b' ? 'c' : 'b';
    CHECK(!webhook_verify(w, &r, &why));
    CHECK(why[0] != '\0');
}

static void check_request(struct str rest, const struct webhook *w)
{
    struct webhook_request r = {.now_ms = 1764000000000};
    const char *why = "";
    r.method = next_line(&rest);
    r.uri = next_line(&rest);
    r.version = next_line(&rest);
    r.signature = next_line(&rest);
    r.signature_v3 = next_line(&rest);
    r.timestamp = next_line(&rest);
    r.body = rest;
    if (!webhook_verify(w, &r, &why))
        CHECK(why[0] != '\0');
    if (w->kind == WEBHOOK_GITHUB)
        check_signed(r, w, 0);
    for (unsigned version = 1; version <= 3 && w->kind == WEBHOOK_HUBSPOT; version++)
        check_signed(r, w, version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct webhook senders[] = {
        {WEBHOOK_HUBSPOT, "crm", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"},
        {WEBHOOK_GITHUB, "code", "It's-a-Secret-to-Everybody"},
    };
    CHECK(sodium_init() >= 0);
    if (n == 0)
        return 0;
    if (data[0] % 3 == 2)
        check_file(data + 1, n - 1);
    else
        check_request((struct str){(const char *)data + 1, n - 1}, &senders[data[0] % 3]);
    return 0;
}
