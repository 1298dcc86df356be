/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ETags: the MD5 of an object's bytes, or that of its parts' MD5s with a dash and their number, or neither. In lower
 * case hex and without quotes here. Threads: any.
 */
#ifndef PAIL_ADMIN_TRANSFER_ETAG_H
#define PAIL_ADMIN_TRANSFER_ETAG_H

#include "admin/transfer/transfer.h"
#include "http_client.h"

struct checksum_ctx;

#define ETAG_ROOM 48 /* for one that is made here */

struct bytes etag_bare(struct bytes);                                        /* without quotes. Pure */
const char *etag_of_reply(const struct http_client_reply *, struct arena *); /* "": it has none */
bool etag_is_md5(struct bytes);                                              /* as it looks. Pure */
bool etag_is_opaque(const struct http_client_reply *); /* one beside such encryption is no MD5. Pure */
/* That of `n` parts, whose MD5s `md5s` was given one after the other. Frees it. */
void etag_of_parts(struct checksum_ctx *md5s, size_t n, char ret[ETAG_ROOM]);
/* The one that a file's bytes would have in parts of that size; 0: in one. False: not read, or the run was stopped. */
bool etag_of_file(struct line *, int fd, uint64_t size, uint64_t part_size, char ret[ETAG_ROOM]);

#endif
