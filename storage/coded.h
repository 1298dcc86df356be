/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the store: how the bytes of an object lie in a blob, and how they come back. What is compressed is frames
 * (storage/frames.h), what is encrypted is chunks (storage/seal.h), of the frames if it is both.
 *
 * A reader answers any range of the object's bytes and opens what that touches; ranges that begin and end where steps
 * do (coded_step) go straight into the caller's memory, and nothing is read, checked and opened twice.
 *
 * Threads: one at a time for each writer and reader. Answers are those of blob.h.
 */
#ifndef PAIL_STORAGE_CODED_H
#define PAIL_STORAGE_CODED_H

#include "blob.h"
#include "storage/seal.h"

enum store_codec { /* numbers are on disk: append only */
                   CODEC_RAW = 0,
                   CODEC_BOX = 1,  /* one box of the object key, which came out of a record; read by store_read.c */
                   CODEC_ZSTD = 2, /* frames */
};

/* ---- writing ---- */

struct coded_write;

/* `key`: NULL, or a data key that was made for this blob. `compress`: if the beginning can be. */
struct coded_write *coded_write_new(struct blob_store *, const unsigned char *key, bool compress);
int coded_append(struct coded_write *, struct blob_writer *, const void *p, size_t n);
int coded_end(struct coded_write *, struct blob_writer *); /* what is pending; once, after the last append */
enum store_codec coded_codec(const struct coded_write *);  /* what became of it; after the end */
void coded_write_free(struct coded_write **);              /* accepts NULL inside */

/* ---- reading ---- */

struct coded_read;

int coded_open(struct blob_store *, const struct blob_id *, const unsigned char *key, enum store_codec, bool nowait,
               struct coded_read **ret);
uint64_t coded_bytes(const struct coded_read *); /* of the object that lie here */
/* How many of the `left` bytes from `at` on one read of at most `max` should take. */
size_t coded_step(const struct coded_read *, uint64_t at, uint64_t left, size_t max);
int coded_read(struct coded_read *, uint64_t at, void *p, size_t n, bool nowait);
void coded_close(struct coded_read **); /* accepts NULL inside */

#endif
