/* What a program that reads JSON has to do first. */
#ifndef SCHEMAS_JSON_START_H
#define SCHEMAS_JSON_START_H

/* Once, before the first value and before other threads: choose the seed of its hash tables, and
 * end the program with a sentence when there is no memory for JSON. (jansson 2.14 frees twice where
 * an allocation of its own fails, so going on would be worse.) */
void json_start(void);

#endif
