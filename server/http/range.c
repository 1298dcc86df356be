/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges. S3 serves one range per request; everything it does not understand, it ignores (200 with the whole object),
 * so a header of ten thousand ranges costs one look for a byte that does not belong. Threads: pure; any.
 */
#include "server/http/range.h"

static bool take_unit(struct bytes *in)
{
    if (!bytes_starts_str_nocase(*in, "bytes="))
        return false;
    *in = bytes_cut(*in, 6, in->n);
    return true;
}

/* Digits at the front of *in, saturating. False when there is none. */
static bool take_number(struct bytes *in, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < in->n && in->p[i] >= '0' && in->p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(in->p[i] - '0');
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    *in = bytes_cut(*in, i, in->n);
    *ret = v;
    return i > 0;
}

static bool take_dash(struct bytes *in)
{
    if (in->n == 0 || in->p[0] != '-')
        return false;
    *in = bytes_cut(*in, 1, in->n);
    return true;
}

void range_parse(struct bytes value, struct range_spec *ret)
{
    struct bytes in = value;
    struct range_spec s = {.kind = RANGE_NONE};
    *ret = s;
    if (!take_unit(&in))
        return;
    bool has_first = take_number(&in, &s.first);
    if (!take_dash(&in))
        return;
    bool has_last = take_number(&in, &s.last);
    if (in.n || (!has_first && !has_last) || (has_first && has_last && s.first > s.last))
        return;
    if (has_first) {
        s.kind = has_last ? RANGE_SPAN : RANGE_FROM;
    } else {
        s.kind = RANGE_SUFFIX;
        s.count = s.last;
    }
    *ret = s;
}

enum range_answer range_resolve(const struct range_spec *spec, uint64_t size, uint64_t *ret_first, uint64_t *ret_length)
{
    uint64_t first = 0, length = size;
    switch (spec->kind) {
    case RANGE_NONE:
        break;
    case RANGE_SUFFIX:
        length = spec->count < size ? spec->count : size;
        first = size - length;
        break;
    case RANGE_SPAN:
    case RANGE_FROM:
        if (spec->first >= size)
            return RANGE_UNSATISFIABLE;
        first = spec->first;
        length = size - first;
        if (spec->kind == RANGE_SPAN && spec->last - first < length)
            length = spec->last - first + 1;
        break;
    }
    if (spec->kind != RANGE_NONE && length == 0)
        return RANGE_UNSATISFIABLE;
    *ret_first = first;
    *ret_length = length;
    return spec->kind == RANGE_NONE ? RANGE_WHOLE : RANGE_PARTIAL;
}

enum copy_range_answer range_copy_source(struct bytes value, uint64_t size, uint64_t *ret_first, uint64_t *ret_length)
{
    struct range_spec spec;
    range_parse(value, &spec);
    if (spec.kind != RANGE_SPAN)
        return COPY_RANGE_MALFORMED;
    if (spec.first >= size)
        return COPY_RANGE_NO_BYTES;
    if (spec.last >= size)
        return COPY_RANGE_PAST_END;
    *ret_first = spec.first;
    *ret_length = spec.last - spec.first + 1;
    return COPY_RANGE_OK;
}
