/* my_apps: the apps that the viewer has connected, with the state of that connection. */
#include "engine/query/app_row.h"

enum status view_my_apps_answer(struct answer *a)
{
    return app_rows(a, &(struct app_rows_query){.mine = true,
                                                .state = QUERY_MY_APPS_STATE,
                                                .unused_days = QUERY_MY_APPS_UNUSED_DAYS,
                                                .unused = QUERY_MY_APPS_UNUSED,
                                                .duplicate = QUERY_MY_APPS_DUPLICATE});
}
