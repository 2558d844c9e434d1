/* A folder for the two stores of a life: in memory, where there is some. */
#ifndef TESTS_SIM_SCRATCH_H
#define TESTS_SIM_SCRATCH_H

#include <stddef.h>

void scratch_make(char *dir, size_t n);
void scratch_remove(const char *dir);

#endif
