#include "aggregators/merge.h"
#include "tests/sim/plant.h"
#include "tests/sim/wrap.h"

/* Commits a part of a merge, and does not note how far it has come. */
WRAP(void, merge_part, struct merge *m, enum merge_stage stage, int32_t day, uint64_t account)
{
    if (plant_now != PLANT_MERGE_FORGETS) {
        __real_merge_part(m, stage, day, account);
        return;
    }
    const enum status st = txn_commit(&m->txn);
    m->dirty_bytes = 0;
    m->stats->parts++;
    if (st != ST_OK)
        m->txn.status = st;
    else
        txn_begin(m->store, true, &m->txn);
}
