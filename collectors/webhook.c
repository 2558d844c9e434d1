#include "collectors/webhook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "engine/base/check.h"
#include "engine/net/http_head.h"

#define WHY_BYTES     256
#define LINE_BYTES    1024
#define URI_BYTES_MAX 4096
#define HASH_BYTES    crypto_hash_sha256_BYTES
STATIC_CHECK(crypto_auth_hmacsha256_BYTES == HASH_BYTES);

static const char *const kind_names[WEBHOOK_KINDS] = {"hubspot", "github"};

struct webhooks {
    uint32_t n;
    struct webhook all[];
};

/* ---- the file ---- */

/* The next word of *rest; empty at its end. */
static struct str next_word(struct str *rest)
{
    size_t from = 0, n = 0;

    while (from < rest->n && strchr(" \t\r\n", rest->p[from]) != NULL)
        from++;
    while (from + n < rest->n && strchr(" \t\r\n", rest->p[from + n]) == NULL)
        n++;
    struct str word = {rest->p + from, n};

    *rest = (struct str){rest->p + from + n, rest->n - from - n};
    return word;
}

static bool is_name(struct str s)
{
    static const char may[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < s.n; i++)
        if (memchr(may, s.p[i], sizeof(may) - 1) == NULL)
            return false;
    return s.n > 0 && s.n <= WEBHOOK_NAME_MAX;
}

/* What is wrong with a line, or NULL. An empty one makes no sender: out->name is empty. */
static const char *read_line(struct str line, struct webhook *out)
{
    const char *mark = memchr(line.p, '#', line.n);
    struct str rest = {line.p, mark == NULL ? line.n : (size_t)(mark - line.p)};
    struct str name = next_word(&rest), kind = next_word(&rest), secret = next_word(&rest);

    *out = (struct webhook){.kind = WEBHOOK_KINDS};
    if (name.n == 0)
        return NULL;
    for (unsigned k = 0; k < WEBHOOK_KINDS; k++)
        if (str_eq(kind, str_of(kind_names[k])))
            out->kind = (enum webhook_kind)k;
    if (!is_name(name))
        return "a name has 1 to 64 of a-z, 0-9, - and _";
    if (out->kind == WEBHOOK_KINDS)
        return "the kind is hubspot or github";
    if (secret.n == 0 || secret.n > WEBHOOK_SECRET_MAX)
        return "a secret has 1 to 255 bytes";
    if (next_word(&rest).n > 0)
        return "a line has three words: name, kind, secret";
    text_fmt(out->name, sizeof(out->name), "%.*s", (int)name.n, name.p);
    text_fmt(out->secret, sizeof(out->secret), "%.*s", (int)secret.n, secret.p);
    return NULL;
}

/* Too long for the room, or with a NUL in it. */
static bool is_cut(FILE *f, const char *line)
{
    const size_t n = strlen(line);

    return (n == 0 || line[n - 1] != '\n') && !feof(f);
}

static enum status read_file(FILE *f, const char *path, struct webhooks *w, char *why)
{
    char line[LINE_BYTES];
    const char *wrong = NULL;

    for (unsigned number = 1; wrong == NULL && fgets(line, sizeof(line), f) != NULL; number++) {
        struct webhook found;

        wrong = is_cut(f, line) ? "a line has at most 1022 bytes, and no NUL"
                                : read_line(str_of(line), &found);
        if (wrong == NULL && found.name[0] == '\0')
            continue;
        if (wrong == NULL && webhooks_find(w, found.kind, str_of(found.name)) != NULL)
            wrong = "this kind has a sender of that name already";
        if (wrong == NULL && w->n == WEBHOOKS_MAX)
            wrong = "there are at most 1000 senders";
        if (wrong != NULL)
            text_fmt(why, WHY_BYTES, "%s, line %u: %s", path, number, wrong);
        else
            w->all[w->n++] = found;
        sodium_memzero(&found, sizeof(found));
    }
    sodium_memzero(line, sizeof(line));
    return wrong == NULL ? ST_OK : ST_USAGE;
}

/* Secrets are for their owner's eyes. */
static bool is_private(int fd, const char *path, char *why)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && (st.st_mode & 077) == 0)
        return true;
    text_fmt(why, WHY_BYTES, "%s holds secrets, but others may read it; allowed: mode 0600", path);
    return false;
}

enum status webhooks_load(const char *path, struct webhooks **out, char why[static 256])
{
    struct webhooks *w = calloc(1, sizeof(*w) + WEBHOOKS_MAX * sizeof(w->all[0]));
    enum status st = ST_OK;
    int fd = -1;
    FILE *f = NULL;

    if (w == NULL || sodium_init() < 0) {
        text_fmt(why, WHY_BYTES, "out of memory");
        free(w);
        return ST_NO_MEMORY;
    }
    if (path[0] != '\0') {
        fd = open(path, O_RDONLY | O_CLOEXEC);
        f = fd >= 0 ? fdopen(fd, "r") : NULL;
        st = f != NULL ? ST_OK : errno == ENOENT ? ST_NOT_FOUND : ST_IO_ERROR;
        if (st != ST_OK)
            text_fmt(why, WHY_BYTES, "cannot read %s: %s", path, strerror(errno));
        else if (!is_private(fd, path, why))
            st = ST_USAGE;
        else
            st = read_file(f, path, w, why);
    }
    if (f != NULL)
        fclose(f);
    else if (fd >= 0)
        close(fd);
    if (st == ST_OK)
        *out = w;
    else
        webhooks_free(&w);
    return st;
}

void webhooks_free(struct webhooks **wp)
{
    struct webhooks *w = *wp;

    if (w == NULL)
        return;
    *wp = NULL;
    sodium_memzero(w->all, w->n * sizeof(w->all[0]));
    free(w);
}

const struct webhook *webhooks_find(const struct webhooks *w, enum webhook_kind kind,
                                    struct str name)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (w->all[i].kind == kind && str_eq(str_of(w->all[i].name), name))
            return &w->all[i];
    return NULL;
}

/* ---- signatures ---- */

static void sha256(const struct str *parts, unsigned n, uint8_t out[static HASH_BYTES])
{
    crypto_hash_sha256_state s;

    crypto_hash_sha256_init(&s);
    for (unsigned i = 0; i < n; i++)
        crypto_hash_sha256_update(&s, (const uint8_t *)parts[i].p, parts[i].n);
    crypto_hash_sha256_final(&s, out);
}

static void hmac(const char *secret, const struct str *parts, unsigned n,
                 uint8_t out[static HASH_BYTES])
{
    crypto_auth_hmacsha256_state s;

    crypto_auth_hmacsha256_init(&s, (const uint8_t *)secret, strlen(secret));
    for (unsigned i = 0; i < n; i++)
        crypto_auth_hmacsha256_update(&s, (const uint8_t *)parts[i].p, parts[i].n);
    crypto_auth_hmacsha256_final(&s, out);
}

static bool is_hex(const uint8_t hash[static HASH_BYTES], struct str given)
{
    uint8_t said[HASH_BYTES];
    size_t n;

    return given.n == 2 * sizeof(said) &&
           sodium_hex2bin(said, sizeof(said), given.p, given.n, NULL, &n, NULL) == 0 &&
           n == sizeof(said) && sodium_memcmp(said, hash, n) == 0;
}

static bool is_base64(const uint8_t hash[static HASH_BYTES], struct str given)
{
    uint8_t said[HASH_BYTES];
    size_t n;

    return sodium_base642bin(said, sizeof(said), given.p, given.n, NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == sizeof(said) && sodium_memcmp(said, hash, n) == 0;
}

/* The URI with its escapes resolved, or as it is where they cannot be. */
static struct str unescaped(struct str uri, char to[static URI_BYTES_MAX])
{
    size_t n;

    if (uri.n > URI_BYTES_MAX || !http_unescape(uri, false, to, &n))
        return uri;
    return (struct str){to, n};
}

static bool hubspot_v3(const struct webhook *w, const struct webhook_request *r, const char **why)
{
    char plain[URI_BYTES_MAX];
    struct str parts[] = {r->method, r->uri, r->body, r->timestamp};
    uint8_t sent[HASH_BYTES], resolved[HASH_BYTES];
    uint64_t ms;

    if (text_u64(r->timestamp, &ms) != ST_OK || ms > INT64_MAX) {
        *why = "X-HubSpot-Request-Timestamp is missing or no number of milliseconds";
        return false;
    }
    if ((int64_t)ms < r->now_ms - WEBHOOK_AGE_MS || (int64_t)ms > r->now_ms + WEBHOOK_AGE_MS) {
        *why = "X-HubSpot-Request-Timestamp is more than 5 minutes away from the engine's clock";
        return false;
    }
    hmac(w->secret, parts, N_OF(parts), sent);
    parts[1] = unescaped(r->uri, plain);
    hmac(w->secret, parts, N_OF(parts), resolved);
    *why = "X-HubSpot-Signature-v3 does not match; it covers method, public URL, body and time";
    return is_base64(sent, r->signature_v3) || is_base64(resolved, r->signature_v3);
}

static bool hubspot_v2(const struct webhook *w, const struct webhook_request *r, const char **why)
{
    char plain[URI_BYTES_MAX];
    struct str parts[] = {str_of(w->secret), r->method, r->uri, r->body};
    uint8_t sent[HASH_BYTES], resolved[HASH_BYTES];

    sha256(parts, N_OF(parts), sent);
    parts[2] = unescaped(r->uri, plain);
    sha256(parts, N_OF(parts), resolved);
    *why = "X-HubSpot-Signature does not match; v2 covers secret, method, public URL and body";
    return is_hex(sent, r->signature) || is_hex(resolved, r->signature);
}

static bool hubspot_v1(const struct webhook *w, const struct webhook_request *r, const char **why)
{
    const struct str parts[] = {str_of(w->secret), r->body};
    uint8_t hash[HASH_BYTES];

    sha256(parts, N_OF(parts), hash);
    *why = "X-HubSpot-Signature does not match; v1 covers secret and body";
    return is_hex(hash, r->signature);
}

static bool hubspot(const struct webhook *w, const struct webhook_request *r, const char **why)
{
    if (r->signature_v3.p != NULL)
        return hubspot_v3(w, r, why);
    *why = "there is no signature: X-HubSpot-Signature-v3, or X-HubSpot-Signature with its Version";
    if (r->signature.p == NULL)
        return false;
    if (str_eq(r->version, STR("v2")))
        return hubspot_v2(w, r, why);
    *why = "X-HubSpot-Signature-Version is v1 or v2";
    return str_eq(r->version, STR("v1")) && hubspot_v1(w, r, why);
}

static bool github(const struct webhook *w, const struct webhook_request *r, const char **why)
{
    static const char prefix[] = "sha256=";
    const size_t n = sizeof(prefix) - 1;
    struct str given = r->signature;
    uint8_t hash[HASH_BYTES];

    *why = "there is no X-Hub-Signature-256";
    if (given.p == NULL)
        return false;
    *why = "X-Hub-Signature-256 does not match; it is sha256= and the HMAC of the body";
    if (given.n < n || memcmp(given.p, prefix, n) != 0)
        return false;
    hmac(w->secret, &r->body, 1, hash);
    return is_hex(hash, (struct str){given.p + n, given.n - n});
}

bool webhook_verify(const struct webhook *w, const struct webhook_request *r, const char **why)
{
    return w->kind == WEBHOOK_GITHUB ? github(w, r, why) : hubspot(w, r, why);
}
