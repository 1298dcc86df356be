/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error table: what can be answered, with which status, and how its body looks. s3_error.def has the rows.
 *
 * Errors are values: functions answer enum s3_error, S3E_OK (0) being none. The store's own codes (store.h) become S3's
 * in one place, s3_error_of_store. Threads: any; nothing here has state.
 */
#ifndef PAIL_S3_ERROR_H
#define PAIL_S3_ERROR_H

#include "base/bytes.h"

enum s3_error {
    S3E_OK = 0,
#define S3_ERROR(symbol, status, code, message) symbol,
#include "s3_error.def"
#undef S3_ERROR
    S3E_COUNT
};

int s3_error_status(enum s3_error error);          /* HTTP status; 200 of S3E_OK */
const char *s3_error_code(enum s3_error error);    /* "NoSuchKey"; "OK" of S3E_OK */
const char *s3_error_message(enum s3_error error); /* the default text */
enum s3_error s3_error_find(struct bytes code);    /* by the code on the wire; S3E_OK when there is no such code */

/*
 * What an enum store_rc means to a client that did nothing special. A caller who knows better (whose bucket it is,
 * which part it was) says so itself. STORE_OK and positive values give S3E_OK, unknown codes InternalError.
 */
enum s3_error s3_error_of_store(int rc);

struct s3_error_extra { /* an element between Message and Resource; the name is one of our constants */
    const char *name;
    struct bytes value;
};

/*
 * Appends the body, Content-Type application/xml. `message` NULL means the default one. Elements whose value is
 * BYTES_NONE are left out; extras are always written. Order: Code, Message, extras, Resource, RequestId, HostId.
 */
void s3_error_render(struct buf *out, enum s3_error error, const char *message, const struct s3_error_extra *extras,
                     size_t n_extras, struct bytes resource, struct bytes request_id, struct bytes host_id);

#endif
