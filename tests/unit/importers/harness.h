/* Run an importer over a text and give what comes out as one text: a line per item, either the
 * event's JSON or "!reason line". Static inline: each test program is one file. */
#ifndef TESTS_UNIT_IMPORTERS_HARNESS_H
#define TESTS_UNIT_IMPORTERS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/importer.h"

#define RENDER_MAX 65536

static inline char *render(const char *format, const struct import_options *o,
                           const struct retime *retime, struct str input)
{
    char *text = calloc(1, RENDER_MAX);
    assert_non_null(text);
    struct importer *im = NULL;
    struct import_fault fault;
    const struct import_format *f = import_format_find(str_of(format));
    assert_non_null(f);
    struct import_input in = {f, o, retime, input.p, input.n};
    enum status st = importer_open(&in, &im, &fault);
    if (st != ST_OK) {
        text_fmt(text, RENDER_MAX, "%s: %s", status_row(st)->name, fault.text);
        return text;
    }
    struct import_item item;
    size_t n = 0;
    while (importer_next(im, &item)) {
        if (item.reason == IR_NONE)
            n += text_fmt(text + n, RENDER_MAX - n, "%.*s\n", (int)item.json.n, item.json.p);
        else
            n += text_fmt(text + n, RENDER_MAX - n, "!%s %llu\n", import_reason_name(item.reason),
                          (unsigned long long)item.line);
    }
    assert_int_equal(importer_at(im), input.n);
    importer_free(&im);
    assert_null(im);
    return text;
}

#endif
