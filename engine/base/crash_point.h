/* Named instants at which the crash tests end the process (tests/crash/test_points.py). Nothing in
 * every other build. */
#ifndef ENGINE_BASE_CRASH_POINT_H
#define ENGINE_BASE_CRASH_POINT_H

#ifdef DAYBOOK_CRASH_POINTS
/* CRASH_AT=name:count: the count-th time that name is passed is the end, by SIGKILL. */
void crash_point(const char *name);
#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
