/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index in memory for tests that promises no more than index.h does, and fails on demand.
 *
 *  - A page or visit may end at any row, with `more` set, although its limits allow more (at random; at least one row).
 *  - What was read is copied from what is there at that moment; two pages see two moments.
 *  - A batch that names the same key twice (among its puts, or to expect it in two ways) is a bug of the caller: CHECK.
 *  - `done` is called on the double's own thread.
 *
 * Threads: as index.h says; the injection calls too.
 */
#ifndef PAIL_TESTS_INDEX_DOUBLE_H
#define PAIL_TESTS_INDEX_DOUBLE_H

#include "index.h"

enum index_double_fault {
    INDEX_DOUBLE_CONFLICT,
    INDEX_DOUBLE_STALE,
    INDEX_DOUBLE_UNAVAILABLE,
    INDEX_DOUBLE_FULL,
    INDEX_DOUBLE_UNKNOWN_APPLIED, /* it happened, the answer is UNKNOWN; asked again with its id: OK */
    INDEX_DOUBLE_UNKNOWN_LOST,    /* it did not happen; asked again it is applied */
};

struct index *index_double_open(uint64_t seed); /* of all its randomness */

/* The nth batch from now (1: the next) meets this fault; one such order at a time, a new one replaces it. */
void index_double_fail(struct index *index, unsigned nth, enum index_double_fault fault);
bool index_double_fired(struct index *index); /* the order was carried out */

/* Every get, page and visit from now on answers this; INDEX_OK ends it. */
void index_double_fail_reads(struct index *index, int rc);

/* Cut pages short (the default) or not. */
void index_double_cut_pages(struct index *index, bool cut);

/* The record's checksum is wrong from now on, until it is written again. INDEX_NOT_FOUND if there is none. */
int index_double_rot(struct index *index, uint64_t partition, struct bytes key);

uint64_t index_double_batches(struct index *index); /* batches received so far */
size_t index_double_records(struct index *index, uint64_t partition);

#endif
