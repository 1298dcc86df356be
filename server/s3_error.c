/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error table in use: one row for each S3 error, and the one place where the store's errors become S3's.
 *
 * Invariants: row 0 is S3E_OK; the rows after it are sorted by code (the unit test checks it), so that a code is found
 * by bisection. Threads: any.
 */
#include "s3_error.h"

#include "base/check.h"
#include "server/xml/render.h"
#include "store.h"

struct row {
    short status;
    const char *code, *message;
};

static const struct row rows[S3E_COUNT] = {
    [S3E_OK] = {200, "OK", ""},
#define S3_ERROR(symbol, status, code, message) [symbol] = {status, code, message},
#include "s3_error.def"
#undef S3_ERROR
};

static const struct row *row_of(enum s3_error error)
{
    CHECK((unsigned)error < S3E_COUNT);
    return &rows[error];
}

int s3_error_status(enum s3_error error)
{
    return row_of(error)->status;
}

const char *s3_error_code(enum s3_error error)
{
    return row_of(error)->code;
}

const char *s3_error_message(enum s3_error error)
{
    return row_of(error)->message;
}

enum s3_error s3_error_find(struct bytes code)
{
    size_t low = 1, high = S3E_COUNT;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = bytes_cmp(code, bytes_str(rows[mid].code));
        if (cmp == 0)
            return (enum s3_error)mid;
        if (cmp < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return S3E_OK;
}

enum s3_error s3_error_of_store(int rc)
{
    if (rc >= 0)
        return S3E_OK;
    switch ((enum store_rc)rc) {
    case STORE_OK:
        return S3E_OK;
    case STORE_NO_SUCH_BUCKET:
        return S3E_NO_SUCH_BUCKET;
    case STORE_NO_SUCH_KEY:
        return S3E_NO_SUCH_KEY;
    case STORE_NO_SUCH_UPLOAD:
        return S3E_NO_SUCH_UPLOAD;
    case STORE_BUCKET_EXISTS:
        return S3E_BUCKET_ALREADY_EXISTS;
    case STORE_BUCKET_NOT_EMPTY:
        return S3E_BUCKET_NOT_EMPTY;
    case STORE_PRECONDITION_FAILED:
        return S3E_PRECONDITION_FAILED;
    case STORE_CONFLICT:
        return S3E_CONDITIONAL_REQUEST_CONFLICT;
    case STORE_INVALID_PART:
        return S3E_INVALID_PART;
    case STORE_PART_TOO_SMALL:
        return S3E_ENTITY_TOO_SMALL;
    case STORE_OBJECT_TOO_LARGE:
        return S3E_ENTITY_TOO_LARGE;
    case STORE_CHECKSUM_MISMATCH:
    case STORE_MD5_MISMATCH:
        return S3E_BAD_DIGEST;
    case STORE_SIZE_MISMATCH:
        return S3E_INCOMPLETE_BODY;
    case STORE_UNAVAILABLE:
        return S3E_SERVICE_UNAVAILABLE;
    case STORE_FULL:
        return S3E_INSUFFICIENT_STORAGE;
    case STORE_BUSY:
        return S3E_SLOW_DOWN;
    case STORE_ABORTED:
        return S3E_OPERATION_ABORTED;
    case STORE_INVALID_RANGE:
        return S3E_INVALID_RANGE;
    case STORE_NO_SUCH_VERSION:
        return S3E_NO_SUCH_VERSION;
    case STORE_DELETE_MARKER:
        return S3E_METHOD_NOT_ALLOWED;
    case STORE_LOCKED:
        return S3E_ACCESS_DENIED;
    case STORE_BUCKET_STATE:
        return S3E_INVALID_BUCKET_STATE;
    case STORE_QUOTA:
        return S3E_QUOTA_EXCEEDED;
    case STORE_NO_LOCK:
        return S3E_INVALID_REQUEST;
    case STORE_WRONG_KEY:       /* a key that was opened for this object alone does not open it */
    case STORE_NO_SUCH_SETTING: /* each setting has a code of its own: its handler knows */
    case STORE_IO:
    case STORE_CORRUPT:
    case STORE_WOULD_BLOCK: /* a nowait read that nobody repeated: our mistake */
        break;
    }
    return S3E_INTERNAL_ERROR;
}

void s3_error_render(struct buf *out, enum s3_error error, const char *message, const struct s3_error_extra *extras,
                     size_t n_extras, struct bytes resource, struct bytes request_id, struct bytes host_id)
{
    const struct row *row = row_of(error);
    buf_put_str(out, XML_PROLOG "<Error>");
    xml_element(out, "Code", bytes_str(row->code));
    xml_element(out, "Message", bytes_str(message ? message : row->message));
    for (size_t i = 0; i < n_extras; i++)
        xml_element(out, extras[i].name, extras[i].value);
    if (resource.p)
        xml_element(out, "Resource", resource);
    if (request_id.p)
        xml_element(out, "RequestId", request_id);
    if (host_id.p)
        xml_element(out, "HostId", host_id);
    buf_put_str(out, "</Error>");
}
