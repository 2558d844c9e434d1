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

/* A problem is a bad state of a connection, or stands beside a worse one
 * (aggregators/connection.h). */
enum problem_kind {
    PROBLEM_DISCONNECTED,
    PROBLEM_EXPIRED,
    PROBLEM_ERROR,
    PROBLEM_REAUTH,
    PROBLEM_N
};

struct problem {
    uint32_t episodes;        /* 0: never; above 1: reopened */
    uint64_t repeats;         /* signals of this episode */
    int64_t opened_ms;        /* of this episode, the newest */
    int64_t last_ms;          /* newest signal of it */
    int64_t ended_ms;         /* 0: it lasts */
    enum event_kind ended_by; /* valid when ended */
    struct str reason, code;  /* of the newest signal; borrowed from the arena or the view */
};

/* When the problem counts as resolved: at once when something ended it for good (a reconnect, a
 * removal, a worse problem), a day after its last failure when it only recovered. 0: not yet known
 * to be, that is while it lasts. */
int64_t problem_resolved_ms(const struct problem *p);

struct connection {
    uint64_t app;
    uint64_t user;
    bool has_user; /* false: signals that name no user */
    enum connection_state state;
    int64_t since_ms;        /* of the state */
    int64_t installed_ms;    /* first install ever seen; 0: none */
    struct str reason, code; /* of the state; borrowed from the arena or the view */
    bool sync_known, sync_on;
    bool troubled; /* some problem has had an episode */
    struct problem problems[PROBLEM_N];
};

/* The state that a problem is. */
enum connection_state problem_state(enum problem_kind kind);

/* How much a state asks for attention: disconnected 6, expired 5, reauth 4, error 3 (it may pass by
 * itself), connected 2, uninstalled 1, none 0. */
unsigned state_severity(enum connection_state s);

struct connection_query {
    uint64_t account;
    uint64_t from_app, from_user1; /* begin at (app, user + 1; 0: signals without a user) */
    uint64_t to_app;               /* last app; 0: no bound */
    uint64_t below; /* leave out pending signals at this position and above; 0: none */
};

/* Connections in ascending (app, user), until fn returns false. What fn gets is borrowed for the
 * call; its texts live as long as the view. Cost: about 100 ns a connection, 1 us one with pending
 * signals. */
void view_connections_each(struct view *v, const struct connection_query *q,
                           bool (*fn)(void *arg, const struct connection *c), void *arg);

/* Who is connected: every (app, user + 1; 0: signals without a user) of the account, in no order
 * and some of them more than once. Cost: 50 ns each. */
void view_connection_keys(struct view *v, uint64_t account,
                          void (*fn)(void *arg, uint64_t app, uint64_t user1), void *arg);

/* Signals of the account above the tables: each costs a look in every question for connections. */
uint32_t view_connections_pending(const struct view *v, uint64_t account);

struct app_summary {
    uint64_t app;
    bool has_install;     /* also when it was uninstalled since */
    int64_t installed_ms; /* first install ever seen in the account */
    bool has_installer;
    uint64_t installer;          /* user of that first install */
    enum connection_state state; /* worst of its connections, uninstalled ones left out */
    int64_t since_ms;
    uint32_t connections_n; /* of users, not uninstalled */
    uint32_t connected_n;   /* of them: CONNECTED now */
    int64_t sent_ms;        /* last activity; 0: none seen */
    int64_t received_ms;
    int64_t fresh_ms; /* newest installation, or connection that stands; 0: none */
    bool mine;        /* the viewer has it connected: then how his own connection stands */
    enum connection_state my_state;
    int64_t my_since_ms;
};

struct apps_query {
    uint64_t account;
    uint64_t from_app; /* apps at or above */
    uint32_t limit;
    uint32_t connections_max; /* end at the next app after so many; 0: no bound */
    bool has_viewer;
    uint64_t viewer;
    bool troubled; /* list connections with a problem that was not resolved before troubled_ms */
    int64_t troubled_ms;
    bool no_activity; /* only apps with connections; without last activity, at half the cost */
};

struct app_list {
    const struct app_summary *rows; /* in the arena; ascending app */
    uint32_t n;
    bool more;                         /* cut at a limit */
    uint64_t next_app;                 /* more: the first app that may be missing */
    const struct connection *troubled; /* in the arena; ascending (app, user) */
    uint32_t troubled_n;
    uint64_t looked_at; /* connections and rows of sheets read: what it cost */
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
