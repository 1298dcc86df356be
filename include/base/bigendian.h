/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as big-endian bytes, for formats on disk and digests in wire order. Threads: pure. */
#ifndef PAIL_BASE_BIGENDIAN_H
#define PAIL_BASE_BIGENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void put32(unsigned char *out, uint32_t v)
{
    v = htobe32(v);
    memcpy(out, &v, sizeof(v));
}

static inline void put64(unsigned char *out, uint64_t v)
{
    v = htobe64(v);
    memcpy(out, &v, sizeof(v));
}

static inline uint32_t get32(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

static inline uint64_t get64(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return be64toh(v);
}

#endif
