/* SPDX-License-Identifier: Apache-2.0 */
/* Record decoder: whatever the bytes are, it answers; what it takes, it can encode, and takes the same again. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "storage/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

union any_record {
    struct rec_object object;
    struct rec_upload upload;
    struct rec_intent intent;
    struct rec_garbage garbage;
    struct rec_bucket bucket;
    struct rec_dropped dropped;
    struct rec_counter counter;
    struct rec_format format;
    struct rec_blob_desc desc;
    struct rec_blob_trailer trailer;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct rec_type *type = n ? rec_type_of(data[0]) : NULL;
    union any_record rec, again;
    struct bytes s3_key;
    const unsigned char *id;
    key_upload_parse(bytes_of(data, n), &s3_key, &id);
    if (!type)
        return 0;
    struct arena *a = arena_create(0);
    record_decode(type, bytes_of(data, n), NULL, &rec);
    if (record_decode(type, bytes_of(data, n), a, &rec)) {
        size_t head;
        struct bytes once = record_encode(type, &rec, a, &head);
        CHECK(record_decode(type, once, a, &again));
        CHECK(bytes_eq(once, record_encode(type, &again, a, NULL)));
        CHECK(head <= once.n && record_decode(type, bytes_cut(once, 0, head ? head : once.n), NULL, &again));
    }
    arena_free(a);
    return 0;
}
