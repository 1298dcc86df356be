/* SPDX-License-Identifier: Apache-2.0 */
/* What all blob backends share. Threads: any. */
#include "blob.h"

#include <stdlib.h>

const char *blob_rc_name(int rc)
{
    switch ((enum blob_rc)rc) {
    case BLOB_OK:
        return "OK";
    case BLOB_NOT_FOUND:
        return "NOT_FOUND";
    case BLOB_CORRUPT:
        return "CORRUPT";
    case BLOB_IO:
        return "IO";
    case BLOB_FULL:
        return "FULL";
    case BLOB_BUSY:
        return "BUSY";
    case BLOB_WOULD_BLOCK:
        return "WOULD_BLOCK";
    }
    return "unknown";
}

#define VERIFY_RUN (1024u * 1024) /* bytes of one read; whole blocks */

static int read_all(struct blob_store *st, struct blob_reader *r, const struct blob_pace *pace,
                    struct blob_findings *ret)
{
    char *buffer = xmalloc(VERIFY_RUN);
    int rc = BLOB_OK;
    ret->length = st->ops->length(r);
    for (uint64_t at = 0, n = 0; rc == BLOB_OK && at < ret->length && !ret->stopped; at += n) {
        n = ret->length - at < VERIFY_RUN ? ret->length - at : VERIFY_RUN;
        rc = st->ops->read(r, at, buffer, (size_t)n, false);
        if (rc == BLOB_CORRUPT) {
            ret->first_bad = at;
            ret->bad_bytes = n;
        }
        ret->stopped = rc == BLOB_OK && pace && !pace->go_on(pace->arg, (size_t)n);
    }
    free(buffer);
    return rc;
}

int blob_verify(struct blob_store *st, const struct blob_id *id, const struct blob_pace *pace,
                struct blob_findings *ret)
{
    struct blob_reader *r = NULL;
    struct bytes desc, trailer;
    if (st->ops->verify)
        return st->ops->verify(st, id, pace, ret);
    *ret = (struct blob_findings){0};
    struct arena *a = arena_create(0);
    int rc = st->ops->open(st, id, &r);
    if (rc == BLOB_OK)
        rc = st->ops->describe(r, a, &desc, &trailer);
    if (rc == BLOB_OK)
        rc = read_all(st, r, pace, ret);
    st->ops->close_reader(&r);
    arena_free(a);
    return rc;
}
