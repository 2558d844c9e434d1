/* A question: the parameters of a request, checked against query.def and made canonical. */
#ifndef ENGINE_QUERY_QUESTION_H
#define ENGINE_QUERY_QUESTION_H

#include "engine/base/arena.h"
#include "schemas/query_table.h"
#include "schemas/request.h"

/* What one parameter was given. Numbers are ascending without repeats: the value of a UINT, the day
 * or instant as int64_t, the place of a WORD, the kind of a KIND, the id of an OBJECT, the status
 * of a CODE, 0 or 1 of a BOOL. Texts are in the order given. Defaults are filled in. */
struct values {
    bool given;              /* by the request; false also for defaults */
    uint32_t n;              /* 0: neither given nor a default (or an empty group_by) */
    const uint64_t *numbers; /* in the arena; NULL for TEXT and CURSOR */
    const struct str *texts; /* TEXT and CURSOR; borrowed from the request */
};

struct question {
    enum query_view_id view;
    struct values v[QUERY_PARAMS_N];
};

/* ST_OK, or BAD_PARAMETER / NOT_FOUND (no such view) / NO_MEMORY with a sentence in why. */
enum status question_read(const struct request *r, struct arena *a, struct question *out,
                          char why[static 512]) MUST_CHECK;

/* A hash of everything that decides which rows are answered: view and parameters but limit and
 * cursor. Equal for equal questions, however they were written. */
uint64_t question_hash(const struct question *q);

static inline uint64_t question_number(const struct question *q, enum query_param_id p,
                                       uint64_t absent)
{
    return q->v[p].n ? q->v[p].numbers[0] : absent;
}

/* Is `number` among the values of p? True when p was left out. */
static inline bool question_admits(const struct question *q, enum query_param_id p, uint64_t number)
{
    const struct values *v = &q->v[p];
    if (!v->given)
        return true;
    for (uint32_t i = 0; i < v->n; i++)
        if (v->numbers[i] == number)
            return true;
    return false;
}

#endif
