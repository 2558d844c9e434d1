/* Show an object view (status) as indented text: names and values, maps of counts, small tables. */
#ifndef CLIENTS_DAYBOOK_TREE_H
#define CLIENTS_DAYBOOK_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "schemas/query_table.h"

/* data is an object whose members are values, maps from names to values, or arrays of flat objects:
 * of that view, whose columns say which numbers are instants (VIEW_N: of none). False: writing
 * failed. */
bool tree_write(FILE *to, enum query_view_id view, const json_t *data);

#endif
