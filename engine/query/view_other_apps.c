/* other_apps: the apps that others have connected and the viewer has not, with the worst state of
 * their connections. An app that was only seen to act is in the view apps. */
#include "engine/query/app_row.h"

enum status view_other_apps_answer(struct answer *a)
{
    return app_rows(a, &(struct app_rows_query){.mine = false,
                                                .state = QUERY_OTHER_APPS_STATE,
                                                .unused_days = QUERY_OTHER_APPS_UNUSED_DAYS,
                                                .unused = QUERY_OTHER_APPS_UNUSED,
                                                .duplicate = QUERY_OTHER_APPS_DUPLICATE});
}
