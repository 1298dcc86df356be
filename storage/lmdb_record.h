/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a value lies in LMDB. LMDB 0.9 has no checksums of its own, so each record carries its own:
 *
 *     u32 CRC32C of: LMDB key, then everything here from the next word to the end of the head
 *     u32 length of the head; top bit: a tail follows
 *    [u32 CRC32C of the tail]
 *     head | tail                                              numbers are little-endian
 *
 * The key is in the sum so that a page that was not written where it belongs cannot pass for another record. Head and
 * tail are adjacent: the whole value can be used in place. A scan for heads neither reads nor verifies tails, which for
 * long values lie on pages of their own.
 */
#ifndef PAIL_STORAGE_LMDB_RECORD_H
#define PAIL_STORAGE_LMDB_RECORD_H

#include <lmdb.h>
#include "base/bytes.h"

/* Bytes that a value of value_n bytes with this head takes; head as in struct index_put. */
size_t lmdb_record_size(size_t value_n, size_t head);
void lmdb_record_write(void *room, const MDB_val *name, struct bytes value, size_t head);
/* The value, or its head only, in place. False when a checksum or a length does not match. */
bool lmdb_record_read(const MDB_val *name, const MDB_val *record, bool head_only, struct bytes *ret);
/* The length of the value without verifying anything; 0 when the record cannot be one. */
size_t lmdb_record_value_size(const MDB_val *record);

#endif
