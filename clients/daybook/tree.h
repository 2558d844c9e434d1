/* Show an object view (status) as indented text: names and values, maps of counts, small tables. */
#ifndef CLIENTS_DAYBOOK_TREE_H
#define CLIENTS_DAYBOOK_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* data is an object whose members are values, maps from names to values, or arrays of flat objects.
 * False: writing failed. */
bool tree_write(FILE *to, const json_t *data);

#endif
