/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record encoding. Idea: a table of fields per kind of record drives both directions, so the two cannot disagree. The
 * position in the table is the field's number on disk: append only, never reuse one.
 *
 * Encoding runs backwards, last field first: a nested message's length is then known when its prefix is written,
 * without a second pass, and data that was received into place can be given a record's beginning without moving. Zero
 * values are left out. Fields are written by rising number, unless the type has an order of its own: an object's
 * listing fields come first and make the head, its data comes last.
 *
 * Decoding trusts nothing: every length is checked against what is left, every list has a ceiling.
 * Threads: pure functions, constant tables.
 */
#include "storage/record.h"

#include <string.h>

#include "base/check.h"
#include "lifecycle.h"

#define REC_HEADER 2 /* bytes: kind, format version */

enum field_kind {
    F_NONE = 0,
    F_U64, /* uint64_t, int64_t */
    F_U32, /* uint32_t, enums */
    F_BOOL,
    F_BYTES, /* struct bytes */
    F_FIXED, /* unsigned char[n] */
    F_SUM,   /* struct checksum_value: algorithm, digest */
    F_LIST,  /* pointer at `offset`, size_t count at `count` */
};

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct rec_field {
    unsigned char kind;
    unsigned char n; /* F_FIXED: bytes */
    unsigned short offset, count;
    const struct rec_type *sub;
};

struct rec_type {
    unsigned char kind, version;
    unsigned char n_fields; /* of the table, the unused position 0 included */
    unsigned char head;     /* how many fields, in the order in which they are written, make the head; 0: no head */
    unsigned short size;
    const struct rec_field *fields;
    const unsigned char *order; /* all n_fields - 1 numbers as they are written; NULL: ascending */
};

#define F(k, T, m)                                                                                                     \
    {                                                                                                                  \
        .kind = (k), .offset = offsetof(T, m)                                                                          \
    }
#define F_ARRAY(T, m)                                                                                                  \
    {                                                                                                                  \
        .kind = F_FIXED, .offset = offsetof(T, m), .n = sizeof(((T *)0)->m)                                            \
    }
#define F_MANY(T, m, t)                                                                                                \
    {                                                                                                                  \
        .kind = F_LIST, .offset = offsetof(T, m), .count = offsetof(T, n_##m), .sub = &(t)                             \
    }
#define TYPE(k, v, h, T, f)                                                                                            \
    {                                                                                                                  \
        .kind = (k), .version = (v), .n_fields = ARRAY_LEN(f), .head = (h), .size = sizeof(T), .fields = (f)           \
    }

static const struct rec_field header_fields[] = {
    [1] = F(F_BYTES, struct store_header, name),
    [2] = F(F_BYTES, struct store_header, value),
};
static const struct rec_type header_type = TYPE(0, 0, 0, struct store_header, header_fields);

static const struct rec_field part_info_fields[] = {
    [1] = F(F_U64, struct store_part_info, size),
    [2] = F(F_SUM, struct store_part_info, checksum),
};
static const struct rec_type part_info_type = TYPE(0, 0, 0, struct store_part_info, part_info_fields);

static const struct rec_field extent_fields[] = {
    [1] = F(F_U64, struct store_extent, partition), [2] = F_ARRAY(struct store_extent, blob.b),
    [3] = F_ARRAY(struct store_extent, ref),        [4] = F(F_U64, struct store_extent, offset),
    [5] = F(F_U64, struct store_extent, length),    [6] = F(F_BYTES, struct store_extent, data),
    [7] = F(F_U32, struct store_extent, codec),     [8] = F(F_U64, struct store_extent, seal),
    [9] = F(F_BYTES, struct store_extent, sealed),
};
static const struct rec_type extent_type = TYPE(0, 0, 0, struct store_extent, extent_fields);
/* For who only releases blobs: keys do not outlive their object there. */
static const struct rec_type dropped_extent_type = {
    .n_fields = 7, .size = sizeof(struct store_extent), .fields = extent_fields};

#define LIST_OF(T, m, nm, t)                                                                                           \
    {                                                                                                                  \
        .kind = F_LIST, .offset = offsetof(T, m), .count = offsetof(T, nm), .sub = &(t)                                \
    }
#define OBJECT_HEAD                                                                                                    \
    [1] = F(F_U64, struct rec_object, o.size), [2] = F(F_U64, struct rec_object, o.mtime_ms),                          \
    [3] = F_ARRAY(struct rec_object, o.etag.md5), [4] = F(F_U32, struct rec_object, o.etag.parts),                     \
    [5] = F(F_BYTES, struct rec_object, o.storage_class), [6] = F(F_BYTES, struct rec_object, o.owner),                \
    [7] = F(F_SUM, struct rec_object, o.checksum), [8] = F(F_U32, struct rec_object, o.checksum_type),                 \
    [9] = F(F_BOOL, struct rec_object, o.explicit_checksum), [10] = F_ARRAY(struct rec_object, o.uid)
#define OBJECT_TABLES                                                                                                  \
    [12] = LIST_OF(struct rec_object, o.parts, o.n_parts, part_info_type), [13] =                                      \
                                                                               LIST_OF(struct rec_object, o.extents,   \
                                                                                       o.n_extents, extent_type)

static const struct rec_field object_fields[] = {
    OBJECT_HEAD,
    [11] = LIST_OF(struct rec_object, o.headers, o.n_headers, header_type),
    OBJECT_TABLES,
    [14] = F(F_BOOL, struct rec_object, in_manifest),
    [15] = F(F_U32, struct rec_object, manifest_parts),
    [16] = F(F_BYTES, struct rec_object, o.inline_data),
    [17] = F(F_U64, struct rec_object, o.version.seq),
    [18] = F(F_BOOL, struct rec_object, versioned),
    [19] = F(F_BOOL, struct rec_object, o.marker),
    [20] = F(F_U64, struct rec_object, noncurrent_ms),
    [21] = LIST_OF(struct rec_object, o.tags, o.n_tags, header_type),
    [22] = F(F_U32, struct rec_object, o.lock.mode),
    [23] = F(F_U64, struct rec_object, o.lock.until_ms),
    [24] = F(F_BOOL, struct rec_object, o.lock.hold),
    [25] = F(F_BOOL, struct rec_object, o.lock.hold_set),
    [26] = F(F_U64, struct rec_object, o.restore_ready_ms),
    [27] = F(F_U64, struct rec_object, o.restored_until_ms),
    [28] = F(F_BYTES, struct rec_object, o.acl),
    [29] = F(F_BYTES, struct rec_object, o.envelope),
    [30] = F(F_BOOL, struct rec_object, o.opaque_etag),
};
/*
 * The head has what lists, the lifecycle worker and the rotation of keys need; the data is the last, see
 * record_encode_before.
 */
static const unsigned char object_order[] = {1,  2,  3,  4, 5,  6,  7,  8,  10, 17, 18, 19, 20, 21, 26,
                                             27, 29, 30, 9, 11, 12, 13, 14, 15, 22, 23, 24, 25, 28, 16};
#define OBJECT_HEAD_FIELDS 18
_Static_assert(ARRAY_LEN(object_order) == ARRAY_LEN(object_fields) - 1, "each field has its place");
static const struct rec_field manifest_fields[] = {OBJECT_TABLES};
static const struct rec_field tombstone_fields[] = {
    OBJECT_HEAD,
    [11] = F(F_BYTES, struct rec_object, o.key),
    [12] = F(F_U64, struct rec_object, time_ms),
    [13] = F(F_U64, struct rec_object, o.version.seq),
    [14] = F(F_BOOL, struct rec_object, versioned),
    [15] = F(F_BYTES, struct rec_object, o.envelope),
    [16] = F(F_BOOL, struct rec_object, o.opaque_etag),
};
#define OBJECT_TYPE(k)                                                                                                 \
    {                                                                                                                  \
        .kind = (k), .version = 1, .n_fields = ARRAY_LEN(object_fields), .head = OBJECT_HEAD_FIELDS,                   \
        .size = sizeof(struct rec_object), .fields = object_fields, .order = object_order                              \
    }
const struct rec_type rec_object = OBJECT_TYPE(REC_OBJECT);
const struct rec_type rec_part = OBJECT_TYPE(REC_PART);
const struct rec_type rec_manifest = TYPE(REC_MANIFEST, 1, 0, struct rec_object, manifest_fields);
const struct rec_type rec_tombstone = TYPE(REC_TOMBSTONE, 1, 0, struct rec_object, tombstone_fields);

static const struct rec_field upload_fields[] = {
    [1] = F(F_BYTES, struct rec_upload, u.owner),
    [2] = F(F_BYTES, struct rec_upload, u.storage_class),
    [3] = F(F_U32, struct rec_upload, u.checksum),
    [4] = F(F_U32, struct rec_upload, u.checksum_type),
    [5] = F(F_BOOL, struct rec_upload, explicit_checksum),
    [6] = F_ARRAY(struct rec_upload, current_uid),
    [7] = LIST_OF(struct rec_upload, u.headers, u.n_headers, header_type),
    [8] = LIST_OF(struct rec_upload, u.tags, u.n_tags, header_type),
    [9] = F(F_U32, struct rec_upload, u.lock.mode),
    [10] = F(F_U64, struct rec_upload, u.lock.until_ms),
    [11] = F(F_BOOL, struct rec_upload, u.lock.hold),
    [12] = F(F_BOOL, struct rec_upload, u.lock.hold_set),
    [13] = F(F_BYTES, struct rec_upload, u.acl),
    [14] = F(F_BYTES, struct rec_upload, u.envelope),
    [15] = F(F_BOOL, struct rec_upload, u.opaque_etag),
};
/* The head: what listing uploads needs, and the rotation of keys. */
static const unsigned char upload_order[] = {1, 2, 3, 4, 5, 6, 14, 15, 7, 8, 9, 10, 11, 12, 13};
_Static_assert(ARRAY_LEN(upload_order) == ARRAY_LEN(upload_fields) - 1, "each field has its place");
const struct rec_type rec_upload = {.kind = REC_UPLOAD,
                                    .version = 1,
                                    .n_fields = ARRAY_LEN(upload_fields),
                                    .head = 8,
                                    .size = sizeof(struct rec_upload),
                                    .fields = upload_fields,
                                    .order = upload_order};

static const struct rec_field ref_fields[] = {[1] = {.kind = F_NONE}};
const struct rec_type rec_ref = {
    .kind = REC_REF, .version = 1, .n_fields = ARRAY_LEN(ref_fields), .fields = ref_fields};

static const struct rec_field intent_fields[] = {
    [1] = F(F_U64, struct rec_intent, partition),
    [2] = F(F_BYTES, struct rec_intent, key),
    [3] = F_ARRAY(struct rec_intent, uid),
    [4] = F(F_U64, struct rec_intent, time_ms),
    [5] = LIST_OF(struct rec_intent, extents, n_extents, dropped_extent_type),
};
const struct rec_type rec_intent = TYPE(REC_INTENT, 1, 0, struct rec_intent, intent_fields);

static const struct rec_field garbage_fields[] = {
    [1] = F_ARRAY(struct rec_garbage, uid),
    [2] = F(F_BOOL, struct rec_garbage, in_manifest),
    [3] = LIST_OF(struct rec_garbage, extents, n_extents, dropped_extent_type),
    [4] = F(F_BOOL, struct rec_garbage, purge),
    [5] = F_ARRAY(struct rec_garbage, upload),
};
const struct rec_type rec_garbage = TYPE(REC_GARBAGE, 1, 0, struct rec_garbage, garbage_fields);

static const struct rec_field bucket_fields[] = {
    [1] = F(F_U64, struct rec_bucket, b.partition),
    [2] = F(F_U64, struct rec_bucket, b.generation),
    [3] = F(F_U64, struct rec_bucket, b.created_ms),
    [4] = F(F_BYTES, struct rec_bucket, b.owner),
    [5] = F(F_BYTES, struct rec_bucket, b.region),
    [6] = F(F_U32, struct rec_bucket, state),
    [7] = F(F_U32, struct rec_bucket, b.versioning),
    [8] = F(F_BOOL, struct rec_bucket, b.lock_enabled),
    [9] = F(F_U32, struct rec_bucket, b.lock_default.mode),
    [10] = F(F_U32, struct rec_bucket, b.lock_default.days),
    [11] = F(F_U32, struct rec_bucket, b.lock_default.years),
    [12] = F(F_U32, struct rec_bucket, b.accelerate),
    [13] = F(F_BOOL, struct rec_bucket, b.requester_pays),
    [14] = F(F_U64, struct rec_bucket, b.lifecycle_seq),
    [15] = F(F_U64, struct rec_bucket, b.settings_seq),
    [16] = F(F_U64, struct rec_bucket, b.quota),
};
const struct rec_type rec_bucket = TYPE(REC_BUCKET, 1, 0, struct rec_bucket, bucket_fields);

static const struct rec_field history_fields[] = {
    [1] = F(F_U64, struct rec_history, null_seq),
    [2] = F(F_U64, struct rec_history, marker_seq),
    [3] = F_ARRAY(struct rec_history, marker_uid),
};
const struct rec_type rec_history = TYPE(REC_HISTORY, 1, 0, struct rec_history, history_fields);

static const struct rec_field setting_fields[] = {[1] = F(F_BYTES, struct rec_setting, value)};
const struct rec_type rec_setting = TYPE(REC_SETTING, 1, 0, struct rec_setting, setting_fields);

static const struct rec_field transition_fields[] = {
    [1] = F(F_BOOL, struct lifecycle_transition, is_date), [2] = F(F_U32, struct lifecycle_transition, days),
    [3] = F(F_U64, struct lifecycle_transition, date_ms),  [4] = F(F_U32, struct lifecycle_transition, newer),
    [5] = F(F_U32, struct lifecycle_transition, to),
};
static const struct rec_type transition_type = TYPE(0, 0, 0, struct lifecycle_transition, transition_fields);

static const struct rec_field lifecycle_rule_fields[] = {
    [1] = F(F_BYTES, struct lifecycle_rule, id),
    [2] = F(F_BOOL, struct lifecycle_rule, enabled),
    [3] = F(F_U32, struct lifecycle_rule, form),
    [4] = F(F_BOOL, struct lifecycle_rule, has_prefix),
    [5] = F(F_BYTES, struct lifecycle_rule, prefix),
    [6] = F_MANY(struct lifecycle_rule, tags, header_type),
    [7] = F(F_BOOL, struct lifecycle_rule, has_greater),
    [8] = F(F_U64, struct lifecycle_rule, size_greater),
    [9] = F(F_U64, struct lifecycle_rule, size_less),
    [10] = F(F_U32, struct lifecycle_rule, expire),
    [11] = F(F_U32, struct lifecycle_rule, expire_days),
    [12] = F(F_U64, struct lifecycle_rule, expire_date_ms),
    [13] = F_MANY(struct lifecycle_rule, transitions, transition_type),
    [14] = F_MANY(struct lifecycle_rule, noncurrent_transitions, transition_type),
    [15] = F(F_U32, struct lifecycle_rule, noncurrent_days),
    [16] = F(F_U32, struct lifecycle_rule, noncurrent_newer),
    [17] = F(F_U32, struct lifecycle_rule, abort_days),
};
static const struct rec_type lifecycle_rule_type = TYPE(0, 0, 0, struct lifecycle_rule, lifecycle_rule_fields);

static const struct rec_field lifecycle_fields[] = {
    [1] = F_MANY(struct lifecycle, rules, lifecycle_rule_type),
    [2] = F(F_U32, struct lifecycle, minimum),
};
const struct rec_type rec_lifecycle = TYPE(REC_LIFECYCLE, 1, 0, struct lifecycle, lifecycle_fields);

static const struct rec_field lifecycle_cursor_fields[] = {
    [1] = F(F_U64, struct rec_lifecycle_cursor, began_ms), [2] = F(F_BOOL, struct rec_lifecycle_cursor, done),
    [3] = F(F_BYTES, struct rec_lifecycle_cursor, bucket), [4] = F(F_U64, struct rec_lifecycle_cursor, seq),
    [5] = F(F_BYTES, struct rec_lifecycle_cursor, key),    [6] = F(F_U32, struct rec_lifecycle_cursor, newer),
};
const struct rec_type rec_lifecycle_cursor =
    TYPE(REC_LIFECYCLE_CURSOR, 1, 0, struct rec_lifecycle_cursor, lifecycle_cursor_fields);

static const struct rec_field dropped_fields[] = {
    [1] = F(F_U32, struct rec_dropped, state),
    [2] = F(F_U64, struct rec_dropped, time_ms),
    [3] = F(F_BYTES, struct rec_dropped, name),
};
const struct rec_type rec_dropped = TYPE(REC_DROPPED, 1, 0, struct rec_dropped, dropped_fields);

static const struct rec_field counter_fields[] = {[1] = F(F_U64, struct rec_counter, next)};
const struct rec_type rec_counter = TYPE(REC_COUNTER, 1, 0, struct rec_counter, counter_fields);

static const struct rec_field format_fields[] = {[1] = F(F_U64, struct rec_format, format)};
const struct rec_type rec_format = TYPE(REC_FORMAT, 1, 0, struct rec_format, format_fields);

static const struct rec_field blob_desc_fields[] = {
    [1] = F(F_U64, struct rec_blob_desc, partition),
    [2] = F(F_BYTES, struct rec_blob_desc, bucket),
    [3] = F(F_BYTES, struct rec_blob_desc, key),
    [4] = F_ARRAY(struct rec_blob_desc, uid),
    [5] = F_ARRAY(struct rec_blob_desc, upload),
    [6] = F(F_U32, struct rec_blob_desc, part_number),
    [7] = F(F_BYTES, struct rec_blob_desc, owner),
    [8] = F(F_BYTES, struct rec_blob_desc, storage_class),
    [9] = F(F_U64, struct rec_blob_desc, time_ms),
    [10] = LIST_OF(struct rec_blob_desc, headers, n_headers, header_type),
    [11] = F(F_BYTES, struct rec_blob_desc, envelope),
    [12] = F(F_BOOL, struct rec_blob_desc, opaque_etag),
};
const struct rec_type rec_blob_desc = TYPE(REC_BLOB_DESC, 1, 0, struct rec_blob_desc, blob_desc_fields);

static const struct rec_field blob_trailer_fields[] = {
    [1] = F(F_U64, struct rec_blob_trailer, size),       [2] = F_ARRAY(struct rec_blob_trailer, etag.md5),
    [3] = F(F_U32, struct rec_blob_trailer, etag.parts), [4] = F(F_SUM, struct rec_blob_trailer, checksum),
    [5] = F(F_U64, struct rec_blob_trailer, mtime_ms),   [6] = F(F_U32, struct rec_blob_trailer, codec),
    [7] = F(F_U64, struct rec_blob_trailer, seal),       [8] = F(F_BYTES, struct rec_blob_trailer, sealed),
    [9] = F(F_U64, struct rec_blob_trailer, offset),
};
const struct rec_type rec_blob_trailer = TYPE(REC_BLOB_TRAILER, 1, 0, struct rec_blob_trailer, blob_trailer_fields);

const struct rec_type *rec_type_of(unsigned kind)
{
    static const struct rec_type *const types[] = {
        [REC_OBJECT] = &rec_object,
        [REC_PART] = &rec_part,
        [REC_MANIFEST] = &rec_manifest,
        [REC_UPLOAD] = &rec_upload,
        [REC_REF] = &rec_ref,
        [REC_INTENT] = &rec_intent,
        [REC_GARBAGE] = &rec_garbage,
        [REC_TOMBSTONE] = &rec_tombstone,
        [REC_BUCKET] = &rec_bucket,
        [REC_DROPPED] = &rec_dropped,
        [REC_COUNTER] = &rec_counter,
        [REC_BLOB_DESC] = &rec_blob_desc,
        [REC_BLOB_TRAILER] = &rec_blob_trailer,
        [REC_FORMAT] = &rec_format,
        [REC_HISTORY] = &rec_history,
        [REC_SETTING] = &rec_setting,
        [REC_LIFECYCLE] = &rec_lifecycle,
        [REC_LIFECYCLE_CURSOR] = &rec_lifecycle_cursor,
    };
    return kind < ARRAY_LEN(types) ? types[kind] : NULL;
}

/* ---- writing ---- */

struct back { /* writes towards lower addresses */
    char *p, *start;
    bool failed;
};

static void back_put(struct back *b, const void *p, size_t n)
{
    if (b->failed || (size_t)(b->p - b->start) < n) {
        b->failed = true;
        return;
    }
    b->p -= n;
    if (n && p != b->p)
        memmove(b->p, p, n);
}

static void back_varint(struct back *b, uint64_t v)
{
    char tmp[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        tmp[n++] = (char)(v | 0x80);
    tmp[n++] = (char)v;
    back_put(b, tmp, n);
}

static void back_tag(struct back *b, unsigned number, enum wire wire)
{
    back_varint(b, number << 3 | wire);
}

static void back_bytes(struct back *b, unsigned number, const void *p, size_t n)
{
    back_put(b, p, n);
    back_varint(b, n);
    back_tag(b, number, WIRE_BYTES);
}

static bool all_zero(const unsigned char *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static uint64_t field_number(const struct rec_field *f, const char *at)
{
    if (f->kind == F_BOOL)
        return *(const bool *)at;
    return f->kind == F_U32 ? *(const uint32_t *)at : *(const uint64_t *)at;
}

static void back_fields(struct back *b, const struct rec_type *t, const void *rec, char **ret_head_end);

static void back_list(struct back *b, unsigned number, const struct rec_field *f, const void *rec)
{
    const char *items = *(const char *const *)((const char *)rec + f->offset);
    size_t n = *(const size_t *)((const char *)rec + f->count);
    while (items && n-- > 0) {
        const char *end = b->p;
        back_fields(b, f->sub, items + n * f->sub->size, NULL);
        back_varint(b, (uint64_t)(end - b->p));
        back_tag(b, number, WIRE_BYTES);
    }
}

static void back_sum(struct back *b, unsigned number, const struct checksum_value *sum)
{
    const struct checksum_info *info = checksum_info(sum->alg);
    if (!info)
        return;
    unsigned char tmp[1 + CHECKSUM_MAX_BYTES] = {(unsigned char)sum->alg};
    memcpy(tmp + 1, sum->b, info->bytes);
    back_bytes(b, number, tmp, 1 + info->bytes);
}

static void back_field(struct back *b, unsigned number, const struct rec_field *f, const void *rec)
{
    const char *at = (const char *)rec + f->offset;
    switch (f->kind) {
    case F_U64:
    case F_U32:
    case F_BOOL:
        if (field_number(f, at)) {
            back_varint(b, field_number(f, at));
            back_tag(b, number, WIRE_VARINT);
        }
        break;
    case F_BYTES: {
        const struct bytes *v = (const struct bytes *)at;
        if (v->n)
            back_bytes(b, number, v->p, v->n);
        break;
    }
    case F_FIXED:
        if (!all_zero((const unsigned char *)at, f->n))
            back_bytes(b, number, at, f->n);
        break;
    case F_SUM:
        back_sum(b, number, (const struct checksum_value *)at);
        break;
    case F_LIST:
        back_list(b, number, f, rec);
        break;
    default:
        break;
    }
}

static void back_fields(struct back *b, const struct rec_type *t, const void *rec, char **ret_head_end)
{
    for (unsigned i = t->n_fields - 1u; i > 0; i--) {
        unsigned number = t->order ? t->order[i - 1] : i;
        if (ret_head_end && i == t->head)
            *ret_head_end = b->p;
        back_field(b, number, &t->fields[number], rec);
    }
}

size_t record_bound(const struct rec_type *t, const void *rec)
{
    size_t sum = REC_HEADER;
    for (unsigned i = 1; i < t->n_fields; i++) {
        const struct rec_field *f = &t->fields[i];
        const char *at = (const char *)rec + f->offset;
        sum += 2 + 10; /* tag, number or length */
        if (f->kind == F_BYTES)
            sum += ((const struct bytes *)at)->n;
        else if (f->kind == F_FIXED)
            sum += f->n;
        else if (f->kind == F_SUM)
            sum += 1 + CHECKSUM_MAX_BYTES;
        else if (f->kind == F_LIST) {
            const char *items = *(const char *const *)at;
            size_t n = *(const size_t *)((const char *)rec + f->count);
            for (size_t k = 0; items && k < n; k++)
                sum += 12 + record_bound(f->sub, items + k * f->sub->size);
        }
    }
    return sum;
}

struct bytes record_encode_before(const struct rec_type *t, const void *rec, char *end, size_t room, size_t *ret_head)
{
    struct back b = {.p = end, .start = end - room};
    char *head_end = end;
    back_fields(&b, t, rec, &head_end);
    char header[REC_HEADER] = {(char)t->kind, (char)t->version};
    back_put(&b, header, sizeof header);
    if (b.failed)
        return BYTES_NONE;
    if (ret_head)
        *ret_head = (size_t)(head_end - b.p);
    return bytes_of(b.p, (size_t)(end - b.p));
}

struct bytes record_encode(const struct rec_type *t, const void *rec, struct arena *a, size_t *ret_head)
{
    size_t room = record_bound(t, rec);
    char *p = arena_alloc(a, room);
    struct bytes v = record_encode_before(t, rec, p + room, room, ret_head);
    CHECK(v.n > 0);
    return v;
}

struct bytes record_ref_value(void)
{
    static const char value[REC_HEADER] = {REC_REF, 1};
    return bytes_of(value, sizeof value);
}

/* ---- reading ---- */

struct cursor {
    const unsigned char *p, *end;
};

static bool read_varint(struct cursor *c, uint64_t *ret)
{
    if (c->p < c->end && *c->p < 0x80) {
        *ret = *c->p++;
        return true;
    }
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        unsigned char byte = *c->p++;
        if (shift == 63 && byte > 1)
            return false;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = v;
            return true;
        }
    }
    return false;
}

static bool read_length(struct cursor *c, struct bytes *ret)
{
    uint64_t n;
    if (!read_varint(c, &n) || n > (uint64_t)(c->end - c->p))
        return false;
    *ret = bytes_of(c->p, (size_t)n);
    c->p += n;
    return true;
}

static bool skip_field(struct cursor *c, unsigned wire)
{
    uint64_t v;
    struct bytes s;
    size_t n = wire == WIRE_64 ? 8 : 4;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(c, &v);
    case WIRE_BYTES:
        return read_length(c, &s);
    case WIRE_64:
    case WIRE_32:
        if ((size_t)(c->end - c->p) < n)
            return false;
        c->p += n;
        return true;
    default:
        return false;
    }
}

static bool take_number(const struct rec_field *f, uint64_t v, char *at)
{
    if (f->kind == F_BOOL)
        *(bool *)at = v != 0;
    else if (f->kind == F_U64)
        *(uint64_t *)at = v;
    else if (f->kind == F_U32 && v <= UINT32_MAX)
        *(uint32_t *)at = (uint32_t)v;
    else
        return false;
    return true;
}

static bool take_sum(struct bytes v, struct checksum_value *ret)
{
    const struct checksum_info *info = v.n ? checksum_info((enum checksum_alg)(unsigned char)v.p[0]) : NULL;
    if (!info || v.n != 1 + info->bytes)
        return false;
    ret->alg = (enum checksum_alg)(unsigned char)v.p[0];
    memcpy(ret->b, v.p + 1, info->bytes);
    return true;
}

static bool decode_fields(const struct rec_type *t, struct cursor c, struct arena *a, void *rec);

/* The list's elements stand one after another: counted at the first one, then read into one array. */
static bool take_list(const struct rec_field *f, unsigned tag, struct bytes first, struct cursor *c, struct arena *a,
                      char *rec)
{
    if (!a)
        return true;
    size_t n = 1;
    struct cursor ahead = *c;
    struct bytes item = first;
    uint64_t next;
    while (n <= REC_LIST_MAX && read_varint(&ahead, &next) && next == tag && read_length(&ahead, &item))
        n++;
    if (n > REC_LIST_MAX || *(size_t *)(rec + f->count))
        return false;
    char *items = arena_alloc(a, n * f->sub->size);
    memset(items, 0, n * f->sub->size);
    item = first;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (!read_varint(c, &next) || !read_length(c, &item)))
            return false;
        struct cursor inner = {(const unsigned char *)item.p, (const unsigned char *)item.p + item.n};
        if (!decode_fields(f->sub, inner, a, items + i * f->sub->size))
            return false;
    }
    *(char **)(rec + f->offset) = items;
    *(size_t *)(rec + f->count) = n;
    return true;
}

static bool take_bytes(const struct rec_field *f, unsigned tag, struct cursor *c, struct arena *a, char *rec)
{
    struct bytes v;
    char *at = rec + f->offset;
    if (!read_length(c, &v))
        return false;
    switch (f->kind) {
    case F_BYTES:
        *(struct bytes *)at = v;
        return true;
    case F_FIXED:
        if (v.n != f->n)
            return false;
        memcpy(at, v.p, v.n);
        return true;
    case F_SUM:
        return take_sum(v, (struct checksum_value *)at);
    default:
        return take_list(f, tag, v, c, a, rec);
    }
}

static bool decode_fields(const struct rec_type *t, struct cursor c, struct arena *a, void *rec)
{
    while (c.p < c.end) {
        uint64_t tag;
        if (!read_varint(&c, &tag) || tag > UINT32_MAX)
            return false;
        unsigned number = (unsigned)(tag >> 3), wire = tag & 7;
        const struct rec_field *f = number < t->n_fields ? &t->fields[number] : NULL;
        bool ok;
        if (!f || f->kind == F_NONE)
            ok = number != 0 && skip_field(&c, wire);
        else if (f->kind <= F_BOOL) {
            uint64_t v;
            ok = wire == WIRE_VARINT && read_varint(&c, &v) && take_number(f, v, (char *)rec + f->offset);
        } else
            ok = wire == WIRE_BYTES && take_bytes(f, (unsigned)tag, &c, a, rec);
        if (!ok)
            return false;
    }
    return true;
}

bool record_decode_more(const struct rec_type *t, struct bytes value, struct arena *a, void *rec)
{
    if (value.n < REC_HEADER || (unsigned char)value.p[0] != t->kind || (unsigned char)value.p[1] != t->version)
        return false;
    struct cursor c = {(const unsigned char *)value.p + REC_HEADER, (const unsigned char *)value.p + value.n};
    return decode_fields(t, c, a, rec);
}

bool record_decode(const struct rec_type *t, struct bytes value, struct arena *a, void *rec)
{
    memset(rec, 0, t->size);
    return record_decode_more(t, value, a, rec);
}
