/* SPDX-License-Identifier: Apache-2.0 */
/* What all blob backends share. Threads: any. */
#include "blob.h"

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
