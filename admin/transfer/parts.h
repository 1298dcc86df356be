/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object in parts as its workers share it, and one part of it: read whole and written at once. large.h opens, hands
 * out and closes; upload.h is its upload at the destination. What it points to lives in the arena of who opened it.
 * Threads: workers; next_part, running, failed, error and hashed change under the transfer's lock once parts are handed
 * out. A part belongs to who took it; the rest stays as it was opened.
 */
#ifndef PAIL_ADMIN_TRANSFER_PARTS_H
#define PAIL_ADMIN_TRANSFER_PARTS_H

#include "admin/transfer/carry.h"
#include "admin/transfer/etag.h"
#include "admin/transfer/folder.h"
#include "admin/transfer/transfer.h"
#include "checksum.h"

#define PART_ETAG_MAX 64

struct part {
    char etag[PART_ETAG_MAX + 1]; /* at the destination */
    unsigned char md5[16];
    struct checksum_value sum;
    bool there; /* from an earlier run */
};

/* What the whole is compared with: nothing; the source's CRC, its ETag of the same parts, or its MD5 or SHA. */
enum proof { PROOF_NONE, PROOF_SUMS, PROOF_PARTS, PROOF_WHOLE };

struct large {
    struct large *next;
    struct job *job;
    const struct version *version;
    struct carried carried;
    struct bytes from_key, to_key;
    const char *query;  /* of the source */
    const char *upload; /* at the destination, or: */
    struct folder_file file;
    int source_fd;
    uint64_t size, part_size;
    size_t n_parts, next_part, running;
    bool mirrored, failed;
    enum checksum_alg alg; /* of the parts; NONE: they have no sums */
    bool declared;         /* the upload was begun with it */
    enum proof proof;
    char error[400];
    struct part *parts;
    struct checksum_ctx *whole; /* of PROOF_WHOLE */
    size_t hashed;
    pthread_cond_t step; /* a part is hashed, or ended */
};

/* Notes why it cannot be copied. False. */
bool parts_fail(struct large *, const char *text);
uint64_t part_bytes(const struct large *, size_t i);
/* Reads part `i`, and writes it unless it is there already; within memory that was taken. False: a line in error. */
bool part_move(struct line *, struct large *, size_t i, char error[400]);
/* The ETag of an object of these parts. */
void parts_etag(const struct large *, char ret[ETAG_ROOM]);
/* The sum of the whole; false: the parts have none. */
bool parts_sum(const struct large *, struct checksum_value *ret);

#endif
