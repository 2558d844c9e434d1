/* For tests only: make commits fail. */
#ifndef ENGINE_STORE_STORE_TEST_H
#define ENGINE_STORE_STORE_TEST_H

#include "engine/store/store.h"

/* The nth write commit from now fails (1 = the next one; 0 switches this off), as it does when the
 * system answers `error`: ENOSPC leaves the store usable, EIO makes it `failed`. */
void store_test_fail_commit(struct store *s, unsigned nth, int error);

#endif
