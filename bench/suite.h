/* Groups of measurements that the programs of this folder share. */
#ifndef BENCH_SUITE_H
#define BENCH_SUITE_H

#include "engine/base/status.h"

/* Ceilings of this machine, reported; `dir`: on the disk whose sync is measured. */
enum status suite_ceilings(const char *dir) MUST_CHECK;

#endif
