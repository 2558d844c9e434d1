/* Who asks over HTTP, and may they? The one place that knows.
 *
 * Without a keyring only loopback is bound and every peer may do everything, but for pages of other
 * sites in a user's browser: a request whose Host is some name of the internet, or that another
 * origin's page sends, is refused. A bearer token account-7 or account-7-app-42 then names the
 * account and app that paths in HubSpot's shapes leave out; it proves nothing. */
#ifndef ENGINE_EDGE_HTTP_AUTH_H
#define ENGINE_EDGE_HTTP_AUTH_H

#include "engine/net/http.h"

struct http_auth {
    char host[256]; /* of public_url, a host besides loopback's; empty: none */
};

/* public_url may be empty. */
void http_auth_init(struct http_auth *a, const char *public_url);

enum http_right { HTTP_MAY_QUERY, HTTP_MAY_PUBLISH, HTTP_MAY_ADMIN };

struct http_identity {
    struct str key_name; /* of the keyring; empty: there is none */
    bool has_account, has_app;
    uint64_t account, app;
};

/* True: the request may go on, as *out. Else it has been refused and *x is NULL. */
bool http_auth_check(const struct http_auth *a, enum http_right right, struct exchange **x,
                     struct http_identity *out);

/* "account-7" or "account-7-app-42", as after "Bearer ". False: another kind of token. */
bool http_auth_token(struct str token, struct http_identity *out);

/* Is that Host header one of ours: an IP address, a name without dots, *.localhost, or that of
 * public_url? A name of the internet that leads here is an attempt to use a browser as a bridge. */
bool http_auth_host(const struct http_auth *a, struct str host);

#endif
