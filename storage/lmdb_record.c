/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as they lie in LMDB; lmdb_record.h has the layout. Pure functions, any thread.
 * What is read comes from a disk and is judged, never asserted.
 */
#include "storage/lmdb_record.h"

#include <endian.h>
#include <string.h>

#include "base/check.h"
#include "checksum.h"

#define PLAIN_BYTES 8 /* two words: checksum, length */
#define TAIL_BYTES  4 /* and a third when there is a tail */
#define HAS_TAIL    (UINT32_C(1) << 31)

static bool has_tail(size_t value_n, size_t head)
{
    return head > 0 && head < value_n;
}

size_t lmdb_record_size(size_t value_n, size_t head)
{
    return PLAIN_BYTES + (has_tail(value_n, head) ? TAIL_BYTES : 0) + value_n;
}

static uint32_t get_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return le32toh(v);
}

static void put_u32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, 4);
}

static uint32_t head_crc(const MDB_val *name, const char *record, size_t fixed, size_t head)
{
    return crc32c(crc32c(0, name->mv_data, name->mv_size), record + 4, fixed - 4 + head);
}

void lmdb_record_write(void *room, const MDB_val *name, struct bytes value, size_t head)
{
    char *p = room;
    bool tail = has_tail(value.n, head);
    size_t fixed = PLAIN_BYTES + (tail ? TAIL_BYTES : 0);
    CHECK(value.n > 0 && value.n < HAS_TAIL);
    if (!tail)
        head = value.n;
    put_u32(p + 4, (uint32_t)head | (tail ? HAS_TAIL : 0));
    if (tail)
        put_u32(p + 8, crc32c(0, value.p + head, value.n - head));
    memcpy(p + fixed, value.p, value.n);
    put_u32(p, head_crc(name, p, fixed, head));
}

bool lmdb_record_read(const MDB_val *name, const MDB_val *record, bool head_only, struct bytes *ret)
{
    const char *p = record->mv_data;
    size_t n = record->mv_size;
    if (n <= PLAIN_BYTES)
        return false;
    uint32_t word = get_u32(p + 4);
    size_t head = word & ~HAS_TAIL;
    bool tail = word & HAS_TAIL;
    size_t fixed = PLAIN_BYTES + (tail ? TAIL_BYTES : 0);
    if (tail ? n <= fixed + head : n != fixed + head)
        return false;
    if (get_u32(p) != head_crc(name, p, fixed, head))
        return false;
    if (tail && !head_only) {
        if (get_u32(p + 8) != crc32c(0, p + fixed + head, n - fixed - head))
            return false;
        head = n - fixed;
    }
    *ret = bytes_of(p + fixed, head);
    return true;
}

size_t lmdb_record_value_size(const MDB_val *record)
{
    if (record->mv_size <= PLAIN_BYTES)
        return 0;
    size_t fixed = PLAIN_BYTES + ((get_u32((const char *)record->mv_data + 4) & HAS_TAIL) ? TAIL_BYTES : 0);
    return record->mv_size > fixed ? record->mv_size - fixed : 0;
}
