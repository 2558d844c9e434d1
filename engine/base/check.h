/* Checks that are always compiled in. CHECK guards programmer errors only: arguments, invariants,
 * impossible states. Peer input, disk content and resources get a status. */
#ifndef ENGINE_BASE_CHECK_H
#define ENGINE_BASE_CHECK_H

/* Print "file:line: CHECK(what) failed" on stderr and abort. */
_Noreturn void check_failed(const char *file, int line, const char *what);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            check_failed(__FILE__, __LINE__, #cond);                                               \
    } while (0)

#define STATIC_CHECK(cond) _Static_assert(cond, #cond)

#define N_OF(array)        (sizeof(array) / sizeof((array)[0]))

#endif
