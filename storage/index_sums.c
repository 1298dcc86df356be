/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums as bytes, the same for every backend: n little-endian int64. A record with fewer than n was written before the
 * further sums existed. Threads: pure functions.
 */
#include <string.h>

#include "index.h"

struct bytes index_sums_encode(struct arena *a, const int64_t *sums, size_t n)
{
    unsigned char *p = arena_alloc(a, n * 8);
    for (size_t i = 0; i < n; i++)
        for (unsigned k = 0; k < 8; k++)
            p[8 * i + k] = (unsigned char)((uint64_t)sums[i] >> (8 * k));
    return bytes_of((char *)p, n * 8);
}

bool index_sums_decode(struct bytes value, int64_t *ret, size_t n)
{
    memset(ret, 0, n * sizeof *ret);
    if (value.n % 8 != 0)
        return false;
    for (size_t i = 0; i < n && i < value.n / 8; i++) {
        uint64_t v = 0;
        for (unsigned k = 0; k < 8; k++)
            v |= (uint64_t)(unsigned char)value.p[8 * i + k] << (8 * k);
        ret[i] = (int64_t)v;
    }
    return true;
}

int index_sums_get(struct index *ix, uint64_t partition, const struct index_sums *sums, struct arena *a, int64_t *ret)
{
    struct bytes value;
    int rc = index_get(ix, partition, sums->key, a, &value);
    memset(ret, 0, sums->n * sizeof *ret);
    if (rc == INDEX_NOT_FOUND)
        return INDEX_OK;
    return rc == INDEX_OK && !index_sums_decode(value, ret, sums->n) ? INDEX_CORRUPT : rc;
}
