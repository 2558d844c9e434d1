#include "engine/query/usage.h"

/* Words of query.def, in their order; the last one is all. */
static const enum app_kind kinds[] = {APP_KIND_PRIVATE, APP_KIND_MARKETPLACE, APP_KIND_BUILT_IN};

bool usage_admits(struct answer *a, enum query_param_id param, uint64_t app)
{
    const uint64_t kind = question_number(&a->q, param, N_OF(kinds));
    if (kind == N_OF(kinds))
        return true;
    const struct catalogue_app *c = app ? catalogue_get(a, app) : NULL;
    if (!c)
        return false;
    return (c->kind == APP_KIND_UNKNOWN ? APP_KIND_PRIVATE : c->kind) == kinds[kind];
}

bool usage_any(const struct series *s, const struct series_day *days)
{
    for (int32_t i = 0; i <= s->to_day - s->from_day; i++)
        if (days[i].cells_n && slot_is_api(days[i].cells[0].slot))
            return true;
    return false;
}

void usage_add(uint64_t n[static API_LIMITED + 1], const struct series_day *day)
{
    for (uint32_t i = 0; i < day->cells_n && slot_is_api(day->cells[i].slot); i++)
        if (slot_which(day->cells[i].slot) <= API_LIMITED)
            n[slot_which(day->cells[i].slot)] += day->cells[i].count;
}

uint64_t usage_permille(uint64_t part, uint64_t whole)
{
    if (whole == 0)
        return 0;
    return (uint64_t)((unsigned __int128)part * 1000 / whole);
}

bool usage_errs(uint64_t calls, uint64_t errors)
{
    return calls >= USAGE_CALLS_MIN && usage_permille(errors, calls) >= USAGE_ERRORS_PERMILLE;
}
