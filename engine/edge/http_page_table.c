/* Without the page: a program that serves the API alone. */
#include "engine/edge/http_page.h"

const struct page_table http_page_table = {NULL, 0};
