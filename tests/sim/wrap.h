/* Define x as the linker's --wrap=x wants it. */
#ifndef TESTS_SIM_WRAP_H
#define TESTS_SIM_WRAP_H

#define WRAP(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

#endif
