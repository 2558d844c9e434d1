/* What stands in for the page where there was no node to build it with. Its text, gzipped:
 *
 * <!doctype html>
 * <html lang="en"><meta charset="utf-8"><title>Daybook</title>
 * <h1>Daybook</h1>
 * <p>This engine was built without its page, because node and npm were not there.</p>
 * <p>Its data is: <code>GET /v1/accounts/{account}/{view}</code></p>
 * <p>To have the page, install nodejs and npm and build again.</p>
 * </html>
 */
#include "dashboard/page.h"

/* clang-format off */
static const unsigned char excuse[] = {
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 69, 144, 193, 110, 195, 32, 16, 68, 239, 249,
    138, 173, 207, 109, 81, 110, 81, 69, 56, 53, 170, 122, 247, 15, 172, 97, 107, 104, 49, 160,
    176, 216, 138, 162, 252, 123, 192, 113, 219, 211, 206, 142, 118, 70, 79, 43, 159, 76, 212, 124,
    73, 4, 150, 39, 175, 118, 178, 13, 240, 24, 198, 99, 71, 161, 83, 114, 34, 70, 208, 22,
    207, 153, 248, 216, 21, 254, 122, 57, 84, 151, 29, 123, 82, 239, 120, 25, 98, 252, 145, 226,
    177, 214, 240, 254, 223, 171, 122, 39, 147, 234, 173, 203, 64, 97, 116, 129, 96, 193, 12, 67,
    113, 158, 97, 113, 108, 99, 97, 112, 156, 33, 225, 72, 207, 48, 144, 198, 146, 9, 66, 52,
    4, 24, 12, 132, 52, 193, 66, 231, 230, 48, 176, 173, 234, 85, 138, 180, 118, 126, 214, 148,
    193, 202, 229, 242, 27, 72, 93, 19, 234, 227, 212, 131, 152, 247, 2, 181, 142, 37, 112, 22,
    215, 77, 221, 196, 117, 118, 180, 220, 164, 88, 239, 126, 43, 250, 8, 22, 103, 106, 197, 27,
    128, 11, 153, 209, 251, 21, 224, 59, 255, 33, 180, 217, 152, 13, 224, 136, 46, 108, 12, 226,
    241, 173, 59, 89, 99, 67, 14, 62, 1, 0, 0,
};
/* clang-format on */

const struct page_file page_files[] = {
    {"/", "text/html; charset=utf-8", "\"none\"", "no-cache", excuse, sizeof(excuse), 318},
};
const size_t page_files_n = 1;

const char page_policy[] = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

const struct page_ahead page_ahead[] = {{"", "", ""}};
const size_t page_ahead_n = 0;

const bool page_built = false;
