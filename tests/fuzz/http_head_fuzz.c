/* Heads of requests: whatever comes, nothing beyond it is read, what is fine is read the same way
 * twice, and its parts lie inside it. */
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/net/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str s, const char *p, size_t n)
{
    if (s.p == NULL || s.n == 0)
        return;
    if (s.n == 1 && s.p[0] == '/' && (s.p < p || s.p >= p + n))
        return; /* the path of a target that had none */
    CHECK(s.p >= p);
    CHECK(s.p + s.n <= p + n);
}

static void look(const char *p, size_t n)
{
    struct http_head head;
    const char *why = NULL;
    if (http_head_read(p, n, &head, &why) != HTTP_FINE) {
        CHECK(why != NULL);
        return;
    }
    inside(head.path, p, n);
    inside(head.query, p, n);
    CHECK(head.path.n > 0 && head.path.p[0] == '/');
    CHECK(http_head_field(&head, "transfer-encoding").p == NULL);
    for (uint32_t i = 0; i < head.fields_n; i++) {
        inside(head.fields[i].name, p, n);
        inside(head.fields[i].value, p, n);
        CHECK(memchr(head.fields[i].value.p, '\n', head.fields[i].value.n) == NULL);
    }
    struct str rest = head.query, name, value;
    while (http_query_next(&rest, &name, &value)) {
        inside(name, p, n);
        inside(value, p, n);
    }
    char *to = malloc(head.path.n);
    size_t to_n = 0;
    CHECK(to != NULL);
    if (http_unescape(head.path, false, to, &to_n))
        CHECK(to_n <= head.path.n);
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size + 1);
    CHECK(p != NULL);
    memcpy(p, data, size);
    size_t whole = http_head_end(p, size, 0), found = 0;
    for (size_t n = 1, from = 0; n <= size && found == 0; from = n, n += 1 + n / 8)
        found = http_head_end(p, n, from);
    CHECK(found == 0 || found == whole);
    (void)http_head_broken(p, size, 0);
    look(p, whole > 0 ? whole : size);
    free(p);
    return 0;
}
