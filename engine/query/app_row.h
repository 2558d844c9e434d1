/* Rows of apps as the connections home shows them: what my_apps, other_apps and app share. */
#ifndef ENGINE_QUERY_APP_ROW_H
#define ENGINE_QUERY_APP_ROW_H

#include "engine/query/inventory.h"

/* Columns app .. connections. mine: the state is that of the viewer's own connection. */
void app_row_put(struct answer *a, const struct app_summary *s, const struct catalogue_app *c,
                 bool mine);

/* Columns settings_url .. icon_url. */
void app_row_put_links(struct answer *a, const struct catalogue_app *c);

/* The parameters of a list of apps, by their places in query.def. */
struct app_rows_query {
    bool mine; /* apps of the viewer; else those of others only */
    enum query_param_id state, unused_days, unused, duplicate;
};

/* Fill the page with a list of apps. */
enum status app_rows(struct answer *a, const struct app_rows_query *q) MUST_CHECK;

#endif
