/* What the views of an account's apps ask of every question: who looks, and whether he may. */
#include "engine/query/answer.h"

#include "engine/query/directory.h"

const char *connection_state_name(enum connection_state state)
{
    static const char *const names[STATE_N] = {[STATE_NONE] = "none",
                                               [STATE_CONNECTED] = "connected",
                                               [STATE_DISCONNECTED] = "disconnected",
                                               [STATE_EXPIRED] = "expired",
                                               [STATE_ERROR] = "error",
                                               [STATE_REAUTH] = "reauth",
                                               [STATE_UNINSTALLED] = "uninstalled"};
    return names[state];
}

enum status answer_viewer(struct answer *a, uint64_t *viewer)
{
    if (!a->q.v[QUERY_ANY_VIEWER].given)
        return answer_refuse(a, ST_BAD_PARAMETER,
                             "viewer is missing; it is the user whose apps are \"my apps\", "
                             "0..9007199254740991");
    *viewer = a->q.v[QUERY_ANY_VIEWER].numbers[0];
    return ST_OK;
}

enum status answer_read_place(struct answer *a, uint64_t *place)
{
    *place = a->resumed ? read_varint(&a->cursor) : 0;
    return a->resumed && (a->cursor.bad || reader_left(&a->cursor)) ? answer_bad_cursor(a) : ST_OK;
}

/* The beta is turned on, and off, by a super admin. */
enum status answer_check_beta(struct answer *a)
{
    struct beta_word w;
    if (!a->context->enforce_beta)
        return ST_OK;
    directory_beta(a, &w);
    if (a->view.txn.status != ST_OK)
        return a->view.txn.status;
    if (w.beta && w.who.super_admin)
        return ST_OK;
    return answer_refuse(a, ST_FORBIDDEN,
                         "account %llu does not take part in the beta; a super admin turns it on "
                         "(account.settings)",
                         (unsigned long long)a->account);
}
