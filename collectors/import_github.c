/* GitHub's webhook payloads: one payload, an array of them, one a line, or the index of
 * @octokit/webhooks-examples ([{"name":"issues","examples":[payload, ...]}, ...]).
 *
 * Installations become connection events, changes made through an installed app become record
 * events. The name of the event travels in a header (X-GitHub-Event): the index and --event carry
 * it, for bare payloads it is recognised by what the payload holds. A payload has no time of its
 * own either: a webhook happened when it arrived, and of a recording the newest of the *_at
 * instants is the closest known moment before the delivery. */
#include "collectors/import_format.h"

#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

#define WALK_DEPTH_MAX 16 /* payloads nest 6 deep */

/* Actions of the installation event. */
static const struct {
    const char *action;
    enum event_kind kind;
} connections[] = {
    {"created", EV_APP_INSTALLED},
    {"deleted", EV_APP_UNINSTALLED},
    {"suspend", EV_APP_DISCONNECTED},
    {"unsuspend", EV_APP_RECONNECTED},
    {"new_permissions_accepted", EV_PERMISSION_GRANTED},
};

/* What an action does to the object that the event is named after. */
static const struct {
    const char *action;
    enum event_kind kind;
} changes[] = {
    {"created", EV_RECORD_CREATED},
    {"opened", EV_RECORD_CREATED},
    {"submitted", EV_RECORD_CREATED},
    {"published", EV_RECORD_CREATED},
    {"added", EV_RECORD_CREATED},
    {"purchased", EV_RECORD_CREATED},
    {"deleted", EV_RECORD_DELETED},
    {"removed", EV_RECORD_DELETED},
    {"restored", EV_RECORD_RESTORED},
    {"edited", EV_RECORD_UPDATED},
    {"updated", EV_RECORD_UPDATED},
    {"changed", EV_RECORD_UPDATED},
    {"closed", EV_RECORD_UPDATED},
    {"reopened", EV_RECORD_UPDATED},
    {"completed", EV_RECORD_UPDATED},
    {"rerequested", EV_RECORD_UPDATED},
    {"fixed", EV_RECORD_UPDATED},
    {"closed_by_user", EV_RECORD_UPDATED},
    {"labeled", EV_RECORD_UPDATED},
    {"unlabeled", EV_RECORD_UPDATED},
    {"assigned", EV_RECORD_UPDATED},
    {"unassigned", EV_RECORD_UPDATED},
    {"locked", EV_RECORD_UPDATED},
    {"unlocked", EV_RECORD_UPDATED},
    {"pinned", EV_RECORD_UPDATED},
    {"unpinned", EV_RECORD_UPDATED},
    {"milestoned", EV_RECORD_UPDATED},
    {"demilestoned", EV_RECORD_UPDATED},
    {"transferred", EV_RECORD_UPDATED},
    {"renamed", EV_RECORD_UPDATED},
    {"moved", EV_RECORD_UPDATED},
    {"converted", EV_RECORD_UPDATED},
    {"reordered", EV_RECORD_UPDATED},
    {"archived", EV_RECORD_UPDATED},
    {"answered", EV_RECORD_UPDATED},
    {"unanswered", EV_RECORD_UPDATED},
    {"resolved", EV_RECORD_UPDATED},
    {"unresolved", EV_RECORD_UPDATED},
    {"dismissed", EV_RECORD_UPDATED},
    {"synchronize", EV_RECORD_UPDATED},
    {"ready_for_review", EV_RECORD_UPDATED},
    {"converted_to_draft", EV_RECORD_UPDATED},
    {"category_changed", EV_RECORD_UPDATED},
    {"review_requested", EV_RECORD_UPDATED},
    {"review_request_removed", EV_RECORD_UPDATED},
    {"privatized", EV_RECORD_UPDATED},
    {"publicized", EV_RECORD_UPDATED},
    {"prereleased", EV_RECORD_UPDATED},
    {"released", EV_RECORD_UPDATED},
};

/* How a bare payload gives its event away: members that must all be there, most telling first. */
static const struct {
    const char *event, *a, *b;
} signs[] = {
    {"issue_comment", "issue", "comment"},
    {"discussion_comment", "discussion", "comment"},
    {"pull_request_review_comment", "pull_request", "comment"},
    {"pull_request_review", "pull_request", "review"},
    {"pull_request_review_thread", "pull_request", "thread"},
    {"commit_comment", "comment", "repository"},
    {"deployment_status", "deployment_status", "deployment"},
    {"workflow_job", "workflow_job", "repository"},
    {"workflow_run", "workflow_run", "workflow"},
    {"check_run", "check_run", "repository"},
    {"check_suite", "check_suite", "repository"},
    {"deployment", "deployment", "repository"},
    {"pull_request", "pull_request", "number"},
    {"issues", "issue", "repository"},
    {"discussion", "discussion", "repository"},
    {"release", "release", "repository"},
    {"milestone", "milestone", "repository"},
    {"label", "label", "repository"},
    {"project_card", "project_card", "sender"},
    {"project_column", "project_column", "sender"},
    {"project", "project", "sender"},
    {"projects_v2_item", "projects_v2_item", "sender"},
    {"team", "team", "organization"},
    {"push", "commits", "ref"},
    {"installation_repositories", "repositories_added", "installation"},
};

/* The installation to app pairs that the input names: most payloads carry only the installation. */
struct github_state {
    json_t *examples; /* borrowed from the JSON value in the making */
    size_t i;
    struct str name; /* of the examples' event */
    struct github_app {
        uint64_t installation, app;
    } * apps; /* owned, in order of appearance */
    size_t apps_n;
    struct github_moment { /* an instant that payloads of an installation told */
        uint64_t installation;
        int64_t ms;
        uint32_t n; /* how many of them so far; 0: a free slot */
    } * moments;    /* owned: an open table with room for all of the input; NULL: none */
    size_t moments_cap;
};

static bool is_object(const json_t *payload, const char *key)
{
    return json_is_object(json_object_get(payload, key));
}

static struct str recognise(const json_t *payload)
{
    for (size_t i = 0; i < N_OF(signs); i++)
        if (json_object_get(payload, signs[i].a) != NULL &&
            json_object_get(payload, signs[i].b) != NULL)
            return str_of(signs[i].event);
    if (json_object_get(json_object_get(payload, "installation"), "app_id") != NULL)
        return STR("installation");
    if (is_object(payload, "repository") && json_object_get(payload, "action") != NULL)
        return STR("repository");
    return (struct str){0};
}

/* Instants of payloads: seconds since 1970 or RFC 3339. */
static void newest(const char *key, const json_t *v, bool *any, int64_t *ms)
{
    size_t n = strlen(key);
    int64_t t;
    uint64_t seconds;
    if (n < 4 || memcmp(key + n - 3, "_at", 3) != 0 || strcmp(key, "expires_at") == 0)
        return;
    if (json_is_integer(v) && json_integer_value(v) > 0) {
        seconds = (uint64_t)json_integer_value(v);
        if (seconds > WIRE_INT_MAX / 1000)
            return;
        t = (int64_t)seconds * 1000;
    } else if (time_parse(payload_as_text(v), &t) != ST_OK) {
        return;
    }
    if (!*any || t > *ms)
        *ms = t;
    *any = true;
}

static void walk_times(const json_t *v, unsigned depth, bool *any, int64_t *ms)
{
    const char *key;
    json_t *item;
    size_t i;
    if (depth == 0)
        return;
    if (json_is_object(v)) {
        json_object_foreach((json_t *)v, key, item)
        {
            newest(key, item, any, ms);
            walk_times(item, depth - 1, any, ms);
        }
    } else {
        json_array_foreach(v, i, item) walk_times(item, depth - 1, any, ms);
    }
}

/* The owner of what changed. */
static bool take_account(const json_t *payload, uint64_t *account)
{
    static const char *const owners[][2] = {
        {"installation", "account"}, {"organization", NULL}, {"repository", "owner"},
        {"enterprise", NULL},        {"sender", NULL},
    };
    for (size_t i = 0; i < N_OF(owners); i++) {
        const json_t *v = json_object_get(payload, owners[i][0]);
        if (owners[i][1] != NULL)
            v = json_object_get(v, owners[i][1]);
        if (payload_u64(v, "id", account))
            return true;
    }
    return false;
}

/* The app behind an installation: named here, by the header of the delivery, elsewhere in the
 * input, or the installation's own number, which stands for the app within its account. Outside of
 * an installation: the option's. */
static bool take_app(struct importer *im, const json_t *payload, uint64_t *app)
{
    const struct github_state *s = im->state;
    const json_t *installation = json_object_get(payload, "installation");
    uint64_t id;
    if (payload_u64(installation, "app_id", app))
        return true;
    if (!payload_u64(installation, "id", &id)) {
        *app = im->o->app;
        return im->o->has_app;
    }
    *app = im->o->hook_app != 0 ? im->o->hook_app : id;
    for (size_t i = 0; i < s->apps_n && im->o->hook_app == 0; i++)
        if (s->apps[i].installation == id)
            *app = s->apps[i].app;
    return true;
}

/* The changed object: under the event's name, its singular, or its last word. */
static const json_t *find_object(const json_t *payload, struct str event)
{
    char name[64];
    if (event.n == 0 || event.n >= sizeof name)
        return NULL;
    text_fmt(name, sizeof name, "%.*s", (int)event.n, event.p);
    if (is_object(payload, name))
        return json_object_get(payload, name);
    const char *word = strrchr(name, '_');
    if (word != NULL && is_object(payload, word + 1))
        return json_object_get(payload, word + 1);
    if (name[event.n - 1] == 's')
        name[event.n - 1] = '\0';
    return json_object_get(payload, name);
}

static void take_record(struct importer *im, const json_t *object)
{
    static const char *const keys[] = {"id", "number"};
    uint64_t v;
    for (size_t i = 0; i < N_OF(keys); i++)
        if (payload_u64(object, keys[i], &v)) {
            im->event.record = import_number(im, 0, v);
            return;
        }
}

static enum import_reason map_connection(struct importer *im, const json_t *payload,
                                         struct str action)
{
    struct import_event *e = &im->event;
    for (size_t i = 0; i < N_OF(connections); i++)
        if (str_eq(action, str_of(connections[i].action)))
            e->kind = connections[i].kind;
    if (e->kind == EV_NONE)
        return IR_NO_COUNTERPART;
    e->has_user = payload_u64(json_object_get(payload, "sender"), "id", &e->user);
    if (e->kind != EV_PERMISSION_GRANTED) {
        e->reason = action;
        return e->has_user ? IR_NONE : IR_NO_USER;
    }
    const char *key;
    json_t *level;
    json_object_foreach(json_object_get(json_object_get(payload, "installation"), "permissions"),
                        key, level)
    {
        if (e->scopes_n < IMPORT_SCOPES_MAX && json_is_string(level))
            e->scopes[e->scopes_n++] = str_of(key);
    }
    return IR_NONE;
}

static enum import_reason map_change(struct importer *im, const json_t *payload, struct str event,
                                     struct str action)
{
    struct import_event *e = &im->event;
    for (size_t i = 0; i < N_OF(changes); i++)
        if (str_eq(action, str_of(changes[i].action)))
            e->kind = changes[i].kind;
    struct str ref = payload_as_text(json_object_get(payload, "ref"));
    e->object_type = event;
    if (action.n == 0 && str_eq(event, STR("push"))) {
        e->kind = EV_RECORD_UPDATED;
        e->record = ref;
    } else if (action.n == 0 && payload_text(payload, "ref_type", &e->object_type)) {
        if (str_eq(event, STR("delete")))
            e->kind = EV_RECORD_DELETED;
        else if (str_eq(event, STR("create")) || event.n == 0)
            e->kind = EV_RECORD_CREATED;
        e->record = ref;
    }
    if (e->kind == EV_NONE)
        return IR_NO_COUNTERPART;
    if (e->object_type.n == 0)
        return IR_NO_TYPE;
    if (e->record.n > 64) /* a long branch name: the change counts, its record stays unnamed */
        e->record.n = 0;
    if (e->record.n == 0)
        take_record(im, find_object(payload, event));
    e->has_user = payload_u64(json_object_get(payload, "sender"), "id", &e->user);
    return IR_NONE;
}

/* Payloads of an installation that tell the same instant are put a millisecond apart, in their
 * order: the log and the state have but the time to go by, and must agree on the last one. */
static void tell_apart(struct github_state *s, const json_t *payload, int64_t *ms)
{
    uint64_t id;
    if (s->moments == NULL || !payload_u64(json_object_get(payload, "installation"), "id", &id))
        return;
    size_t i = (size_t)hash_mix(id + hash_mix((uint64_t)*ms)) & (s->moments_cap - 1);
    while (s->moments[i].n > 0 && (s->moments[i].installation != id || s->moments[i].ms != *ms))
        i = (i + 1) & (s->moments_cap - 1);
    s->moments[i].installation = id;
    s->moments[i].ms = *ms;
    *ms += s->moments[i].n++;
}

static enum import_reason map(struct importer *im, const json_t *payload, struct str event)
{
    struct import_event *e = &im->event;
    struct str action = payload_as_text(json_object_get(payload, "action"));
    const bool connection = str_eq(event, STR("installation"));
    enum import_reason why =
        connection ? map_connection(im, payload, action) : map_change(im, payload, event, action);
    if (why != IR_NONE)
        return why;
    if (!take_app(im, payload, &e->app))
        return IR_NO_APP;
    e->has_account = take_account(payload, &e->account);
    if (im->o->received_ms == 0)
        walk_times(payload, WALK_DEPTH_MAX, &e->has_time, &e->time_ms);
    if (connection && e->has_time)
        tell_apart(im->state, payload, &e->time_ms);
    return IR_NONE;
}

/* Remember which app an installation belongs to. Returns false out of memory. */
static bool learn(struct github_state *s, const json_t *payload)
{
    const json_t *installation = json_object_get(payload, "installation");
    struct github_app pair;
    if (!payload_u64(installation, "id", &pair.installation) ||
        !payload_u64(installation, "app_id", &pair.app))
        return true;
    for (size_t i = 0; i < s->apps_n; i++)
        if (s->apps[i].installation == pair.installation)
            return true;
    if ((s->apps_n & (s->apps_n - 1)) == 0) { /* full at each power of two */
        size_t cap = s->apps_n == 0 ? 1 : s->apps_n * 2;
        struct github_app *apps = realloc(s->apps, cap * sizeof *apps);
        if (apps == NULL)
            return false;
        s->apps = apps;
    }
    s->apps[s->apps_n++] = pair;
    return true;
}

/* The next payload: an item, or an item's example. */
static enum import_step payload_next(struct importer *im, json_t **out, struct str *event)
{
    struct github_state *s = im->state;
    for (;;) {
        if (s->i < json_array_size(s->examples)) {
            *out = json_array_get(s->examples, s->i++);
            *event = s->name;
            return json_is_object(*out) ? STEP_EVENT
                                        : import_skip(im, IR_NOT_OBJECT, (struct str){0});
        }
        s->examples = NULL;
        json_t *item;
        enum import_step step = payload_item(im, &item);
        if (step != STEP_EVENT)
            return step;
        struct str name;
        if (json_is_array(json_object_get(item, "examples")) && payload_text(item, "name", &name)) {
            s->examples = json_object_get(item, "examples");
            s->i = 0;
            s->name = name;
            continue;
        }
        *out = item;
        *event = im->o->event.n > 0 ? im->o->event : recognise(item);
        return STEP_EVENT;
    }
}

/* Room for a moment of each payload, at most half full. Returns false out of memory. */
static bool make_room(struct github_state *s, size_t payloads_n)
{
    for (s->moments_cap = 2; s->moments_cap < payloads_n * 2;)
        s->moments_cap *= 2;
    s->moments = calloc(s->moments_cap, sizeof *s->moments);
    return s->moments != NULL;
}

/* Two passes: the first only learns, so that the order of payloads does not matter. */
static enum status github_open(struct importer *im, struct import_fault *fault)
{
    (void)fault;
    im->state = calloc(1, sizeof(struct github_state));
    if (im->state == NULL)
        return ST_NO_MEMORY;
    json_t *payload;
    struct str event;
    enum import_step step;
    size_t installations_n = 0;
    while ((step = payload_next(im, &payload, &event)) != STEP_END) {
        if (step == STEP_EVENT && !learn(im->state, payload))
            return ST_NO_MEMORY;
        installations_n += step == STEP_EVENT && str_eq(event, STR("installation"));
    }
    if (!make_room(im->state, installations_n))
        return ST_NO_MEMORY;
    im->at = im->begin;
    im->line = 1;
    return ST_OK;
}

static void github_close(struct importer *im)
{
    struct github_state *s = im->state;
    if (s != NULL) {
        free(s->apps);
        free(s->moments);
    }
    free(s);
    im->state = NULL;
}

static enum import_step github_next(struct importer *im)
{
    json_t *payload;
    struct str event;
    enum import_step step = payload_next(im, &payload, &event);
    if (step != STEP_EVENT)
        return step;
    enum import_reason why = map(im, payload, event);
    if (why == IR_NONE)
        return STEP_EVENT;
    char what[96];
    struct str action = payload_as_text(json_object_get(payload, "action"));
    size_t n = text_fmt(what, sizeof what, "%.*s%s%.*s", (int)event.n, event.p,
                        action.n > 0 ? "." : "", (int)action.n, action.p);
    return import_skip(im, why, (struct str){what, n});
}

const struct import_format import_github = {
    .name = "github",
    .summary = "GitHub webhook payloads: installations and what apps changed",
    .help =
        "One payload, an array of them, one a line, or the index.json of "
        "@octokit/webhooks-examples.\n"
        "installation events become connection events (created: installed, deleted: uninstalled,\n"
        "suspend: disconnected, unsuspend: reconnected, new_permissions_accepted: granted); "
        "payloads\n"
        "of an installed app with a record-like action become record events whose object type is "
        "the\n"
        "event's name. Without an installation a change has no app, unless --app gives it one (0: "
        "a\n"
        "person). --event names the event of bare payloads (header X-GitHub-Event) where their "
        "members\n"
        "do not tell. The time is the newest *_at instant of the payload; installation events of "
        "one\n"
        "instant are put a millisecond apart, in their order.",
    .open = github_open,
    .next = github_next,
    .close = github_close,
};
