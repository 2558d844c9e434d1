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

static bool list_items(struct mp *m, const struct view *list, struct arena *a,
                       struct field_list *out)
{
    struct field_value *items = arena_alloc(a, (list->n + 1) * sizeof *items);
    struct view v;
    if (!items)
        return false;
    for (uint32_t i = 0; i < list->n; i++) {
        if (!mp_value(m, &v, 2))
            return false;
        items[i] = value_of(&v);
    }
    *out = (struct field_list){items, list->n};
    return true;
}

bool fields_list(struct str map, const char *name, struct arena *a, struct field_list *out)
{
    struct mp m = mp_of(map.p, map.n, NULL);
    struct view top, v;
    *out = (struct field_list){NULL, 0};
    bool ok = mp_head(&m, &top) && top.type == VIEW_MAP;
    for (uint32_t pair = 0; ok && pair < top.n; pair++) {
        struct str key;
        ok = mp_key(&m, &key);
        if (ok && str_eq(key, str_of(name))) {
            ok = mp_head(&m, &v) && (v.type != VIEW_LIST || list_items(&m, &v, a, out));
            break;
        }
        ok = ok && mp_value(&m, &v, 1);
    }
    mp_fini(&m);
    return ok;
}
