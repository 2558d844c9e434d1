/* HubSpot's webhook payloads (v3): an array of notifications per request.
 *
 *   [{"eventId":1431776902,"subscriptionId":3329277,"portalId":49547190,"appId":9393361,
 *     "occurredAt":1742214467116,"subscriptionType":"contact.creation","attemptNumber":0,
 *     "objectId":106651134132,"changeFlag":"CREATED","changeSource":"INTEGRATION",
 *     "sourceId":"9393361"}]
 *
 * appId is the app that subscribed, not the one that made the change: the author is sourceId when
 * changeSource is INTEGRATION, and a person (app 0) otherwise. eventId is not unique, so a
 * notification's identity is all of it but attemptNumber, which a retry raises. The privacy
 * deletion of a contact is announced beside its deletion, in any order: both carry the identity of
 * the contact, so that the engine counts them once (and a contact deleted, restored and deleted
 * again within the id window, too). */
#include "collectors/import_format.h"

#include "engine/base/check.h"

/* Prefixes of subscription types and the object type that they mean; NULL: in objectTypeId. */
static const struct {
    const char *name, *object_type;
} subjects[] = {
    {"contact", "0-1"},
    {"company", "0-2"},
    {"deal", "0-3"},
    {"ticket", "0-5"},
    {"product", "0-7"},
    {"line_item", "0-8"},
    {"conversation", "conversations"},
    {"object", NULL},
};

static const struct {
    const char *name;
    enum event_kind kind;
} actions[] = {
    {"creation", EV_RECORD_CREATED},
    {"propertyChange", EV_RECORD_UPDATED},
    {"deletion", EV_RECORD_DELETED},
    {"privacyDeletion", EV_RECORD_DELETED},
    {"merge", EV_RECORD_MERGED},
    {"restore", EV_RECORD_RESTORED},
    {"associationChange", EV_RECORD_ASSOCIATED},
};

/* "contact.creation" -> kind and object type. */
static enum import_reason take_type(struct importer *im, const json_t *n, struct str type)
{
    struct import_event *e = &im->event;
    const char *dot = memchr(type.p, '.', type.n);
    if (dot == NULL)
        return IR_NO_TYPE;
    struct str subject = {type.p, (size_t)(dot - type.p)};
    struct str action = {dot + 1, type.n - subject.n - 1};
    for (size_t i = 0; i < N_OF(actions); i++)
        if (str_eq(action, str_of(actions[i].name)))
            e->kind = actions[i].kind;
    if (e->kind == EV_NONE)
        return IR_NO_COUNTERPART;
    for (size_t i = 0; i < N_OF(subjects); i++) {
        if (!str_eq(subject, str_of(subjects[i].name)))
            continue;
        if (subjects[i].object_type != NULL)
            e->object_type = str_of(subjects[i].object_type);
        else if (!payload_text(n, "objectTypeId", &e->object_type))
            return IR_NO_OBJECT;
        return IR_NONE;
    }
    return IR_NO_COUNTERPART;
}

/* Which record changed: for a merge the one that remains, for an association the near side. */
static bool take_record(const json_t *n, enum event_kind kind, uint64_t *record)
{
    if (kind == EV_RECORD_MERGED &&
        (payload_u64(n, "newObjectId", record) || payload_u64(n, "primaryObjectId", record)))
        return true;
    if (kind == EV_RECORD_ASSOCIATED && payload_u64(n, "fromObjectId", record))
        return true;
    return payload_u64(n, "objectId", record);
}

static void take_author(struct importer *im, const json_t *n)
{
    struct import_event *e = &im->event;
    struct str source = payload_as_text(json_object_get(n, "changeSource"));
    struct str id = payload_as_text(json_object_get(n, "sourceId"));
    static const char user[] = "userId:";
    if (str_eq(source, STR("INTEGRATION"))) {
        if (!payload_u64(n, "sourceId", &e->app))
            e->app = im->o->app;
    } else if (id.n > sizeof user - 1 && memcmp(id.p, user, sizeof user - 1) == 0) {
        struct str v = {id.p + sizeof user - 1, id.n - (sizeof user - 1)};
        e->has_user = text_u64(v, &e->user) == ST_OK && e->user <= WIRE_INT_MAX;
    }
}

/* Members that tell one notification from another; numbers and strings alike as text. */
static void take_identity(struct importer *im, const json_t *n, struct str type)
{
    static const char *const keys[] = {
        "portalId",     "appId",        "subscriptionId",  "eventId",           "occurredAt",
        "objectId",     "propertyName", "propertyValue",   "primaryObjectId",   "newObjectId",
        "fromObjectId", "toObjectId",   "associationType", "associationRemoved"};
    struct str parts[N_OF(keys) + 1];
    char text[N_OF(keys)][24];
    bool contact = type.n > 8 && memcmp(type.p, "contact.", 8) == 0;
    if (contact && im->event.kind == EV_RECORD_DELETED) {
        struct str of_contact[] = {import_number(im, 1, im->event.account), im->event.record};
        import_identity(im, "hs-contact-", of_contact, N_OF(of_contact));
        return;
    }
    parts[0] = type;
    for (size_t i = 0; i < N_OF(keys); i++) {
        const json_t *v = json_object_get(n, keys[i]);
        parts[i + 1] = payload_as_text(v);
        if (json_is_integer(v))
            parts[i + 1] = (struct str){text[i], text_fmt(text[i], sizeof text[i], "%lld",
                                                          (long long)json_integer_value(v))};
        else if (json_is_true(v))
            parts[i + 1] = STR("true");
    }
    import_identity(im, "hs-", parts, N_OF(parts));
}

static enum import_reason map(struct importer *im, const json_t *n, struct str type)
{
    struct import_event *e = &im->event;
    uint64_t occurred_ms, record;
    enum import_reason why = take_type(im, n, type);
    if (why != IR_NONE)
        return why;
    if (!take_record(n, e->kind, &record))
        return IR_NO_OBJECT;
    e->record = import_number(im, 0, record);
    e->has_account = payload_u64(n, "portalId", &e->account);
    if (json_object_get(n, "occurredAt") != NULL) {
        if (!payload_u64(n, "occurredAt", &occurred_ms))
            return IR_BAD_TIME;
        e->time_ms = (int64_t)occurred_ms;
        e->has_time = true;
    }
    if (!import_fill_account(im))
        return IR_NO_ACCOUNT;
    take_author(im, n);
    take_identity(im, n, type);
    return IR_NONE;
}

static enum import_step hubspot_next(struct importer *im)
{
    json_t *n;
    enum import_step step = payload_item(im, &n);
    if (step != STEP_EVENT)
        return step;
    struct str type = {0};
    if (!payload_text(n, "subscriptionType", &type) && !payload_text(n, "eventType", &type))
        return import_skip(im, IR_NO_TYPE, (struct str){0});
    enum import_reason why = map(im, n, type);
    return why == IR_NONE ? STEP_EVENT : import_skip(im, why, type);
}

const struct import_format import_hubspot = {
    .name = "hubspot",
    .summary = "HubSpot webhook payloads (v3): arrays of notifications",
    .help =
        "The body of one request, several of them, or one notification a line; the type may stand "
        "in\n"
        "subscriptionType or eventType. creation, propertyChange, deletion, merge, restore and\n"
        "associationChange become record events of portalId. The app is sourceId when an "
        "integration\n"
        "made the change, otherwise 0 (a person). Retries and a privacy deletion beside its "
        "deletion\n"
        "are counted once.",
    .next = hubspot_next,
};
