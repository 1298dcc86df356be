/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to the store: MD5 of several large bodies side by side. One stream alone leaves half of a core idle, since
 * each step waits for the one before it; the steps of a second stream fill the gaps for nearly nothing.
 *
 * A stream is a running MD5, put together from pieces. A piece is handed over with md5_begin, hashed by a thread of the
 * lanes while its owner does something else, and waited for with md5_wait; its bytes stay untouched until then.
 *
 * Threads: any; a stream belongs to one thread at a time, which waits for each piece before it goes on.
 */
#ifndef PAIL_STORAGE_MD5_LANES_H
#define PAIL_STORAGE_MD5_LANES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MD5_BLOCK_BYTES  64u
#define MD5_DIGEST_BYTES 16u
#define MD5_PIECE_MIN    (16u * 1024) /* a shorter piece is hashed at once: it is not worth waking a thread */

struct md5_stream {
    uint32_t state[4];
    uint64_t length;                     /* bytes taken */
    unsigned char rest[MD5_BLOCK_BYTES]; /* the last length % MD5_BLOCK_BYTES of them */
};

void md5_init(struct md5_stream *);
void md5_put(struct md5_stream *, const void *p, size_t n); /* hashes here and now */
void md5_end(struct md5_stream *, unsigned char ret[MD5_DIGEST_BYTES]);

struct md5_lanes;

struct md5_piece { /* the owner's memory; all zero before its first use */
    struct md5_piece *next;
    struct md5_stream *stream; /* NULL: nothing to wait for */
    const unsigned char *p;
    size_t blocks; /* left */
    bool busy;
    pthread_cond_t done;
};

struct md5_lanes *md5_lanes_new(void);     /* without a thread, until the first long piece */
void md5_lanes_free(struct md5_lanes **l); /* ends the threads; no piece is busy any more. Accepts NULL inside */

void md5_begin(struct md5_lanes *, struct md5_piece *, struct md5_stream *, const void *p, size_t n);
void md5_wait(struct md5_lanes *, struct md5_piece *); /* once after each md5_begin */

#endif
