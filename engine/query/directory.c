#include "engine/query/directory.h"

#include "schemas/fields.h"

bool directory_read(struct str fields, struct directory_user *to)
{
    enum { NAME, EMAIL, ROLE, SUPER_ADMIN, DEACTIVATED, FIELDS_N };
    static const char *const names[] = {"name", "email", "role", "super_admin", "deactivated"};
    struct field_value v[FIELDS_N];
    if (!fields_get(fields, names, FIELDS_N, v))
        return false;
    *to = (struct directory_user){true,         v[NAME].text,          v[EMAIL].text,
                                  v[ROLE].text, v[SUPER_ADMIN].number, v[DEACTIVATED].number};
    return true;
}

void directory_get(struct answer *a, uint64_t user, struct directory_user *out)
{
    char text[24];
    const size_t n = text_fmt(text, sizeof(text), "%llu", (unsigned long long)user);
    struct str fields;
    *out = (struct directory_user){0};
    a->work += QUERY_LOOKUP;
    if (view_reference(&a->view, a->account, EV_DIRECTORY_USER, (struct str){text, n}, &fields) &&
        !directory_read(fields, out))
        txn_fail(&a->view.txn, ST_CORRUPT);
}
