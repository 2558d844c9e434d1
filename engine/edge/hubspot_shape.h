/* Rows of our views in the shapes of HubSpot's API. Pure: text in, text out.
 *
 * HubSpot                                 Daybook
 *   ApiUsage, api-calls-daily               the row of `usage`
 *   PublicApiUserActionEvent (audit log)    a row of `activity`
 *   HydratedCriticalAction (security)       the same, of installations and uninstallations
 *   ExternalUnifiedEvent (events)           the same; the object is the app */
#ifndef ENGINE_EDGE_HUBSPOT_SHAPE_H
#define ENGINE_EDGE_HUBSPOT_SHAPE_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "schemas/request.h"

/* A row as NDJSON has it: a flat map, so what reads requests reads it too. False: it cannot be. */
bool hubspot_row(struct str line, struct arena *a, struct request *out);

/* A column's value. False (and p == NULL): it is null, or there is no such column. */
bool hubspot_number(const struct request *row, const char *column, uint64_t *out);
struct str hubspot_text(const struct request *row, const char *column);

/* The next line of NDJSON; false at its end. *rest moves on. */
bool hubspot_line(struct str *rest, struct str *line);

/* ---- usage ---- */

struct hubspot_usage {
    bool has_limit;
    uint64_t limit, calls;
    int64_t collected_ms, resets_ms;
    bool stale; /* nothing is written any more */
};

/* Out of a row of `usage`. */
void hubspot_usage_read(const struct request *row, struct hubspot_usage *out);

/* GET /account-info/v3/api-usage/daily/private-apps: a collection; times in ISO 8601. */
void hubspot_usage_put(const struct hubspot_usage *u, struct buf *to);

/* GET /integrations/v1/limit/daily: a list; times in ms. */
void hubspot_limit_put(const struct hubspot_usage *u, struct buf *to);

/* ---- activities ---- */

enum hubspot_log { HUBSPOT_AUDIT, HUBSPOT_SECURITY, HUBSPOT_EVENTS };

struct hubspot_page {
    const struct request *rows; /* of `activity` */
    uint32_t rows_n;
    const struct request *users; /* of `users`, those that are known among them */
    uint32_t users_n;
    struct str after, link; /* of the next page; p == NULL: there is none */
};

void hubspot_page_put(enum hubspot_log log, const struct hubspot_page *page, struct buf *to);

/* The types of activities that the security log shows, as a value of the parameter `type`. */
#define HUBSPOT_SECURITY_TYPES "app.installed,app.reinstalled,app.uninstalled"

/* ---- refusals ---- */

/* {"status":"error","message":..,"correlationId":..,"category":..}. correlation: 16 random bytes.
 */
struct hubspot_refusal {
    unsigned status; /* of HTTP */
    struct str message;
    uint8_t correlation[16];
};

void hubspot_refusal_put(const struct hubspot_refusal *r, struct buf *to);

/* A UUID, version 4, of random bytes. */
const char *hubspot_uuid(const uint8_t random[static 16], char to[static 37]);

#endif
