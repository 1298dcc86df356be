/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bucket is set to, before and after its objects are copied. Requests fail with a report. Threads: the first
 * one, while no others run.
 */
#ifndef PAIL_ADMIN_TRANSFER_BUCKETS_H
#define PAIL_ADMIN_TRANSFER_BUCKETS_H

#include "admin/transfer/transfer.h"

/*
 * Looks at the destination, and makes it where it is missing and that was asked for. *ret_there: it may hold something.
 * False: it cannot be written to, which was reported.
 */
bool bucket_prepare(struct line *, bool *ret_there);
void bucket_configure(struct line *); /* after the objects: policy, lifecycle, ... where the destination has none */
/* The names of the source's buckets, in the arena; -1: reported. */
ptrdiff_t bucket_names(struct line *, const char ***ret);
bool bucket_name_plain(struct bytes name); /* it can be part of a URL and of a path as it is. Pure */

#endif
