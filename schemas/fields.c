#include "schemas/fields.h"

#include "schemas/msgpack_in.h"

static struct field_value value_of(const struct view *v)
{
    if (v->type == VIEW_BOOL)
        return (struct field_value){FIELD_BOOL, v->number, {NULL, 0}};
    if (v->type == VIEW_INT)
        return (struct field_value){FIELD_INT, v->number, {NULL, 0}};
    if (v->type == VIEW_STR)
        return (struct field_value){FIELD_TEXT, 0, v->text};
    return (struct field_value){FIELD_ABSENT, 0, {NULL, 0}};
}

bool fields_get(struct str map, const char *const names[], uint32_t n, struct field_value out[])
{
    struct mp m = mp_of(map.p, map.n, NULL);
    struct view top, v;
    for (uint32_t i = 0; i < n; i++)
        out[i] = (struct field_value){FIELD_ABSENT, 0, {NULL, 0}};
    bool ok = mp_head(&m, &top) && top.type == VIEW_MAP;
    for (uint32_t pair = 0; ok && pair < top.n; pair++) {
        struct str key;
        ok = mp_key(&m, &key) && mp_value(&m, &v, 1);
        for (uint32_t i = 0; ok && i < n; i++)
            if (str_eq(key, str_of(names[i])))
                out[i] = value_of(&v);
    }
    mp_fini(&m);
    return ok;
}
