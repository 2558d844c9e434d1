/* Views of an account's apps: their states, connections and permissions. */
#ifndef AGGREGATORS_VIEW_APPS_H
#define AGGREGATORS_VIEW_APPS_H

#include "aggregators/view.h"

/* ---- apps and their connections ---- */

enum connection_state {
    STATE_NONE, /* only data seen, no lifecycle signal yet */
    STATE_CONNECTED,
    STATE_DISCONNECTED,
    STATE_EXPIRED,
    STATE_ERROR,
    STATE_REAUTH, /* needs re-authentication */
    STATE_UNINSTALLED,
    STATE_N
};

/* A problem is a bad state of a connection (aggregators/connection.h). */
enum problem_kind {
    PROBLEM_DISCONNECTED,
    PROBLEM_EXPIRED,
    PROBLEM_ERROR,
    PROBLEM_REAUTH,
    PROBLEM_N
};

struct problem {
    uint32_t episodes;       /* 0: never; above 1: reopened */
    uint64_t repeats;        /* signals of this episode */
    int64_t opened_ms;       /* of this episode, the newest */
    int64_t last_ms;         /* newest signal of it */
    int64_t ended_ms;        /* 0: still open */
    struct str reason, code; /* of the newest signal; borrowed from the arena or the view */
};

struct connection {
    uint64_t app;
    uint64_t user;
    bool has_user; /* false: signals that name no user */
    enum connection_state state;
    int64_t since_ms;        /* of the state */
    int64_t installed_ms;    /* first install ever seen; 0: none */
    struct str reason, code; /* of the state; borrowed from the arena or the view */
    bool sync_known, sync_on;
    struct problem problems[PROBLEM_N];
};

struct app_summary {
    uint64_t app;
    bool has_install;
    int64_t installed_ms; /* first install ever seen in the account */
    bool has_installer;
    uint64_t installer;          /* user of that first install */
    enum connection_state state; /* worst of its connections, uninstalled ones left out */
    int64_t since_ms;
    uint32_t connections_n; /* not uninstalled */
    int64_t sent_ms;        /* last activity; 0: none seen */
    int64_t received_ms;
};

struct apps_query {
    uint64_t account;
    uint64_t from_app; /* apps at or above */
    uint32_t limit;
};

struct app_list {
    const struct app_summary *rows; /* in the arena; ascending app */
    uint32_t n;
    bool more; /* cut at the limit */
};

/* Every app of the account but app 0. */
void view_apps(struct view *v, const struct apps_query *q, struct arena *a, struct app_list *out);

struct connection_list {
    const struct connection *rows; /* in the arena; ascending (app, user) */
    uint32_t n;
};

/* The connections of the account; app: NULL for all apps. */
void view_connections(struct view *v, uint64_t account, const uint64_t *app, struct arena *a,
                      struct connection_list *out);

/* ---- permissions ---- */

/* What the newest permission event said of one scope of one app. */
struct scope {
    struct str name, feature; /* borrowed from the view; feature may be empty */
    int64_t since_ms;
    enum event_kind said; /* EV_PERMISSION_GRANTED, _REVOKED or _REAUTH */
};

struct scope_list {
    const struct scope *rows; /* in the arena; ascending name */
    uint32_t n;
};

/* The scopes of one app of the account. */
void view_scopes(struct view *v, uint64_t account, uint64_t app, struct arena *a,
                 struct scope_list *out);

#endif
