/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies at a place, in the order of keys: a bucket or a folder, key by key. Threads: a listing belongs to the
 * planner, and uses its line; a page can be read by any.
 */
#ifndef PAIL_ADMIN_TRANSFER_LIST_H
#define PAIL_ADMIN_TRANSFER_LIST_H

#include "admin/transfer/transfer.h"

struct group {
    struct bytes key; /* without the place's prefix */
    struct version *versions;
    size_t n; /* oldest first */
};

struct listing;
/* `folder_fd`, of a place that is a folder, stays the caller's. */
struct listing *listing_open(struct line *, const struct place *, const char *bucket, const char *prefix, int folder_fd,
                             bool versions);
/* 1 and the group, which lives until the next call; 0 at the end; -1: it cannot be listed, which was reported. */
int listing_next(struct listing *, struct group *ret);
void listing_close(struct listing *); /* or NULL */

/* One page of ListObjectsV2 or ListObjectVersions. Pure. Newest first, as S3 has them. */
struct list_row {
    struct bytes key;
    struct version v;
};
struct list_page {
    struct list_row *rows;
    size_t n;
    bool truncated;
    struct bytes next_key, next_version; /* for versions; or the token in next_key */
};
/* Points into `xml` and the arena. False: it is no such page, or a broken one. */
bool list_page_parse(struct bytes xml, bool versions, struct arena *, struct list_page *ret);

#endif
