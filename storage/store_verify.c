/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking whether what an object's record refers to is there and as it was written: its blobs are read from the disk
 * and compared with their checksums, which needs no keys. What lies in the record itself was compared when the record
 * was read.
 * Threads: workers.
 */
#include "storage/store_internal.h"

static int verify_blob(struct store *st, const struct blob_id *id, const struct blob_pace *pace)
{
    struct blob_findings found = {0};
    int rc = blob_verify(st->blobs, id, pace, &found);
    if (rc == BLOB_OK)
        return found.stopped ? STORE_ABORTED : STORE_OK;
    return rc == BLOB_CORRUPT ? STORE_CORRUPT : rc == BLOB_NOT_FOUND ? STORE_NO_SUCH_KEY : STORE_IO;
}

int store_object_verify(struct store *st, const struct store_object *o, bool (*go_on)(void *arg, size_t bytes),
                        void *arg)
{
    struct blob_pace pace = {go_on, arg};
    int worst = STORE_OK;
    for (size_t i = 0; i < o->n_extents; i++) {
        if (o->extents[i].data.p)
            continue;
        int rc = verify_blob(st, &o->extents[i].blob, &pace);
        if (rc == STORE_ABORTED || rc == STORE_CORRUPT)
            return rc;
        if (rc != STORE_OK)
            worst = rc;
    }
    return worst;
}
