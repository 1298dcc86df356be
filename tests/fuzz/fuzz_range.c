/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges and entity tag lists. The first eight bytes are the object's size, the rest is the header. Property: what is
 * answered lies within the object.
 */
#include <string.h>

#include "base/check.h"
#include "server/http/etag_match.h"
#include "server/http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_range(struct bytes value, uint64_t object)
{
    struct range_spec spec;
    uint64_t first = 0, length = 0;
    range_parse(value, &spec);
    switch (range_resolve(&spec, object, &first, &length)) {
    case RANGE_WHOLE:
        CHECK(spec.kind == RANGE_NONE && first == 0 && length == object);
        break;
    case RANGE_PARTIAL:
        CHECK(length > 0 && first < object && length <= object - first);
        break;
    case RANGE_UNSATISFIABLE:
        CHECK(spec.kind != RANGE_NONE);
        break;
    }
    if (range_copy_source(value, object, &first, &length) == COPY_RANGE_OK) {
        CHECK(length > 0 && first < object && length <= object - first);
        CHECK(spec.kind == RANGE_SPAN);
    }
}

static void try_etags(struct bytes value)
{
    enum etag_list_form form = etag_list_form(value);
    bool some = etag_list_matches(value, BYTES_LIT("abc-2"));
    CHECK(!(form == ETAG_LIST_EMPTY && some));
    CHECK(!(form == ETAG_LIST_STAR && !some));
    CHECK(etag_unquote(value).n <= value.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t object;
    if (size < sizeof(object))
        return 0;
    memcpy(&object, data, sizeof(object));
    struct bytes value = bytes_of(data + sizeof(object), size - sizeof(object));
    try_range(value, object);
    try_range(value, object % 11);
    try_etags(value);
    return 0;
}
