#include "engine/ingest/census_count.h"

#include "aggregators/view_apps.h"
#include "engine/ingest/admit.h"
#include "engine/ingest/state.h"

struct counting {
    enum census_kind kind;
    struct value_set *out;
};

static void see_connection(void *arg, uint64_t app, uint64_t user1)
{
    struct counting *counting = arg;

    if (counting->kind == CENSUS_APPS && app != 0)
        value_set_add(counting->out, app);
    if (counting->kind == CENSUS_USERS && user1 != 0)
        value_set_add(counting->out, user1 - 1);
    if (counting->kind == CENSUS_CONNECTIONS && user1 != 0 && app != 0)
        value_set_add(counting->out, census_connection(app, user1 - 1));
}

static void see_sheet(struct counting *counting, const struct sheet *sheet)
{
    for (uint32_t r = 0; r < sheet->rows_n; r++) {
        const struct sheet_row *row = &sheet->rows[r];

        if (counting->kind == CENSUS_APPS && row->app != 0)
            value_set_add(counting->out, row->app);
        for (uint32_t i = 0; counting->kind == CENSUS_TYPES && i < row->cells_n; i++)
            if (slot_is_record(row->cells[i].slot) &&
                census_counts_type(slot_type(row->cells[i].slot)))
                value_set_add(counting->out, slot_type(row->cells[i].slot));
    }
}

/* Apps of the catalogue, users of the directory: their keys are their numbers. */
static void see_reference(void *arg, struct str key, struct str fields)
{
    struct counting *counting = arg;
    uint64_t value;

    (void)fields;
    if (text_u64(key, &value) == ST_OK)
        value_set_add(counting->out, value);
}

static void count_stored(struct ingest *in, uint64_t account, struct counting *counting)
{
    const struct generation *gens[INGEST_GENERATIONS_MAX];
    unsigned gens_n = ingest_generations(in, gens);
    int32_t today = day_of_ms(loop_clock(in->loop)->wall_ms);
    struct arena arena = {0};
    struct view v;

    view_open(in->days, gens, gens_n, &v);
    v.today = today;
    v.first_day = today - (EVENT_DAYS - 1);
    if (counting->kind != CENSUS_TYPES)
        view_connection_keys(&v, account, see_connection, counting);
    if (counting->kind == CENSUS_APPS)
        view_reference_each(&v, account, EV_CATALOG_APP, see_reference, counting);
    if (counting->kind == CENSUS_USERS)
        view_reference_each(&v, account, EV_DIRECTORY_USER, see_reference, counting);
    for (int32_t day = v.first_day; day <= today + 1 && counting->kind <= CENSUS_TYPES; day++) {
        struct sheet_query q = {
            .account = account, .day = day, .no_cells = counting->kind == CENSUS_APPS};
        struct sheet sheet;

        arena_reset(&arena);
        view_sheet(&v, &q, &arena, &sheet);
        see_sheet(counting, &sheet);
    }
    /* A table that cannot be read shows in every query; here it makes an account look smaller. */
    view_close(&v);
    arena_fini(&arena);
}

static void count_group(const struct group *g, uint64_t account, const struct counting *counting)
{
    for (uint32_t i = 0; i < g->census.n; i++) {
        const struct census_item *item = &g->census.item[i];

        if (item->account == account && item->kind == counting->kind)
            value_set_add(counting->out, item->value);
    }
}

void census_count(void *arg, uint64_t account, enum census_kind kind, struct value_set *out)
{
    struct ingest *in = arg;
    struct counting counting = {kind, out};

    count_stored(in, account, &counting);
    if (in->finishing != NULL)
        count_group(in->finishing, account, &counting);
    if (in->writing != NULL)
        count_group(in->writing, account, &counting);
    count_group(in->open, account, &counting);
}
