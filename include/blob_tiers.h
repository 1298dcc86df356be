/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob store made of several: the default one, and one for each storage class that has a folder (a disk) of its
 * own. A blob's tier is the first byte of its id, so whoever has the id finds the blob, and a blob never changes its
 * tier. Tier numbers belong to the class names below for ever.
 */
#ifndef PAIL_BLOB_TIERS_H
#define PAIL_BLOB_TIERS_H

#include "blob.h"

#define BLOB_TIERS_MAX 8 /* the default one included */

/* The number of a storage class's tier: 1 to BLOB_TIERS_MAX - 1; 0 for STANDARD and for names that have none. */
unsigned blob_tier_number(struct bytes storage_class);
const char *blob_tier_name(unsigned number); /* NULL when there is none */

struct blob_tier {
    const char *name; /* storage class */
    struct blob_store *store;
};

/*
 * Takes over `standard` and the tiers' stores; closing the result closes them. Blobs of a tier that is not given
 * answer BLOB_IO. Ids that the stores make must begin with a zero byte (the file backend's do, up to 17 billion blobs).
 */
struct blob_store *blob_tiers_open(struct blob_store *standard, const struct blob_tier *tiers, size_t n);

#endif
