/* Webhooks: senders that push payloads of their own shape and prove who they are by a signature.
 *
 * Who may send stands in a file (option webhooks), one sender a line; empty lines and what follows
 * a '#' are passed over:
 *
 *   NAME  KIND  SECRET         name of the path /KIND/webhooks/NAME; a-z 0-9 - _, at most 64
 *                              KIND is hubspot or github; SECRET has no white space
 *
 * Signatures (HubSpot: developers.hubspot.com, "Validating requests"; GitHub: docs.github.com,
 * "Validating webhook deliveries"):
 *   hubspot v3   X-HubSpot-Signature-v3 = base64 of HMAC-SHA256(method + URI + body + timestamp),
 *                X-HubSpot-Request-Timestamp in ms, at most 5 minutes away
 *   hubspot v2   X-HubSpot-Signature = hex of SHA-256(secret + method + URI + body)
 *   hubspot v1   the same of SHA-256(secret + body), with X-HubSpot-Signature-Version: v1
 *   github       X-Hub-Signature-256 = "sha256=" + hex of HMAC-SHA256(body)
 * HubSpot signs the URI either as it is sent or with its escapes resolved; both are taken. */
#ifndef COLLECTORS_WEBHOOK_H
#define COLLECTORS_WEBHOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/status.h"
#include "engine/base/text.h"

#define WEBHOOK_NAME_MAX   64
#define WEBHOOK_SECRET_MAX 255
#define WEBHOOKS_MAX       1000
#define WEBHOOK_AGE_MS     300000 /* of a v3 timestamp, in either direction */

enum webhook_kind { WEBHOOK_HUBSPOT, WEBHOOK_GITHUB, WEBHOOK_KINDS };

struct webhook {
    enum webhook_kind kind;
    char name[WEBHOOK_NAME_MAX + 1];
    char secret[WEBHOOK_SECRET_MAX + 1];
};

struct webhooks; /* opaque, heap: the senders of a file */

/* path "": none. A file that others than its owner may read is refused, as is a line that is not
 * as above: why names it. ST_NOT_FOUND, ST_IO_ERROR, ST_USAGE, ST_NO_MEMORY. */
enum status webhooks_load(const char *path, struct webhooks **out, char why[static 256]) MUST_CHECK;
void webhooks_free(struct webhooks **w); /* NULL-safe; wipes the secrets */

/* NULL: there is no such sender. */
const struct webhook *webhooks_find(const struct webhooks *w, enum webhook_kind kind,
                                    struct str name);

/* What a signature covers and where it stands; absent headers have p == NULL. */
struct webhook_request {
    struct str method;
    struct str uri; /* absolute, as the sender knows it */
    struct str body;
    struct str signature; /* X-HubSpot-Signature, or X-Hub-Signature-256 */
    struct str version;   /* X-HubSpot-Signature-Version */
    struct str signature_v3, timestamp;
    int64_t now_ms;
};

/* True: it comes from who knows the secret. Else *why says what is wrong, for the sender: it tells
 * nothing of the secret. Takes the same time for every wrong signature. */
bool webhook_verify(const struct webhook *w, const struct webhook_request *r, const char **why);

#endif
