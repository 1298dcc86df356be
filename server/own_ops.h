/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that are the server's own and not S3's, by path: /pail/... and /minio/... They are found before
 * S3's; the bucket names that they stand on cannot be given to buckets. Their errors are JSON: {"code", "message",
 * "requestId"}.
 *
 * Who may call one: with OP_FIRST_ROOT the first account's root alone; with OP_PUBLIC anybody, unless its handler asks;
 * without either whoever of the first account has the right to the row's action, on the resource arn:aws:s3:::*, in a
 * request whose headers and body are signed with version 4.
 *
 * Threads: constant.
 */
#ifndef PAIL_SERVER_OWN_OPS_H
#define PAIL_SERVER_OWN_OPS_H

#include "base/bytes.h"
#include "s3_error.h"

struct req;
struct s3_op;

/* NULL: with *ret_error OK it is no path of ours, otherwise there is no such method there. */
const struct s3_op *own_op_match(const struct req *, enum s3_error *ret_error);
/* The part of the path that a row's `*` or `**` stands for. */
struct bytes own_segment(const struct req *);
/* Is the path the server's own? Its parts are then no names of a bucket and an object. */
bool own_is_path(const struct req *);
/* Is it a path of MinIO's admin API, whose errors look as its clients want them? */
bool own_is_minio_admin(const struct req *);
/* Names that no bucket may have, since paths of the server begin with them. */
bool own_reserves(struct bytes bucket_name);
/* The table, for tests and documents. */
const struct s3_op *own_op_table(size_t *ret_n);

#endif
