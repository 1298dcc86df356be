/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement of a whole store: does everything in the index make sense, is everything there that it refers to, is
 * everything needed that is there.
 *
 * Order: the buckets; every record of every partition, page by page, which gathers what is referred to and what is
 * under way; the references against both; the blobs' files, sorted by id like the references, so that one walk through
 * the two lists finds what is missing and what is too much; and, only when something was found, all records again to
 * name the objects that it hits.
 *
 * What is under way is no damage. The index is seen as of one moment, in which every batch has happened entirely or not
 * at all; what the collector does in several batches, its own records explain: extents named by garbage, intents and
 * purges may have lost their references and blobs already. The files are seen later than the index. A blob that is
 * missing or damaged is looked up once more in the index of then: references go before blobs do. A blob that nothing
 * refers to may be one whose record is about to come, but then it lies in a folder that was not settled when the index
 * was opened: the mark is read before the index is.
 *
 * Memory: about 60 bytes for each blob and each extent that refers to one. Threads: the caller's.
 */
#include "storage/check_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "blob_file.h"
#include "checksum.h"
#include "storage/record.h"
#include "storage/seal.h"
#include "storage/store_internal.h"
#include "upkeep.h"

#define PAGE_ROWS  500
#define PAGE_BYTES (4u << 20)
#define TEXT_MAX   256
#define TICK_ROWS  4096u

/* ---- growing arrays ---- */

struct list {
    char *p;
    size_t n, cap, size;
};

static void *list_add(struct list *l, size_t size)
{
    l->size = size;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->p = xrealloc(l->p, l->cap * size);
    }
    return l->p + size * l->n++;
}

static void list_sort(struct list *l, int (*compare)(const void *, const void *))
{
    if (l->n)
        qsort(l->p, l->n, l->size, compare);
}

struct place_of_ref { /* a reference: its blob's home and whose it is */
    struct blob_id blob;
    uint64_t partition;
    unsigned char ref[KEY_UID_BYTES];
};

struct use { /* by an extent of something that lives */
    struct place_of_ref at;
    uint64_t end; /* the blob must be that long; 0: not to be told */
};

struct file {
    struct blob_id blob;
    uint64_t bytes;
    size_t place;
};

struct thing { /* an upload or a manifest of a partition */
    uint64_t partition;
    unsigned char id[KEY_UPLOAD_BYTES];
};

struct partition {
    uint64_t number;
    struct bytes bucket; /* empty: a deleted one's */
    bool dropped, never; /* versions */
};

struct bad_blob {
    struct blob_id blob;
    const char *what;
    bool named;
};

struct judge {
    const struct check_job *job;
    const struct check_options *options;
    struct check_report *report;
    struct arena *keep, *a; /* for all of it; for a page of rows */
    struct list partitions, uses, explained, refs, files, uploads, purges, manifests, dying, needed, bad;
    uint64_t rows, blob_done, blob_total;
    uint32_t settled_below[MAINTENANCE_TIERS_MAX + 1];
    const struct partition *at;
    int failed; /* STORE_*-like: the first page that could not be read */
    /* The key whose versions are being looked at: */
    struct bytes group;
    struct arena *group_arena;
    unsigned newest, nulls;
    uint64_t newest_seq, null_seq;
    unsigned char newest_uid[KEY_UID_BYTES];
    bool counted; /* buckets have sums of what they hold */
    int64_t sums[INDEX_SUMS_MAX];
};

static int compare_refs(const void *x, const void *y)
{
    const struct place_of_ref *a = x, *b = y;
    int c = memcmp(&a->blob, &b->blob, sizeof a->blob);
    if (c == 0)
        c = a->partition < b->partition ? -1 : a->partition > b->partition;
    return c ? c : memcmp(a->ref, b->ref, sizeof a->ref);
}

static int compare_blobs(const void *x, const void *y)
{
    return memcmp(x, y, sizeof(struct blob_id));
}

static int compare_things(const void *x, const void *y)
{
    const struct thing *a = x, *b = y;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return memcmp(a->id, b->id, sizeof a->id);
}

static int compare_partitions(const void *x, const void *y)
{
    const struct partition *a = x, *b = y;
    return a->number < b->number ? -1 : a->number > b->number;
}

static const void *list_find(const struct list *l, const void *key, int (*compare)(const void *, const void *))
{
    return l->n ? bsearch(key, l->p, l->n, l->size, compare) : NULL;
}

/* ---- telling ---- */

const char *check_kind_name(enum check_kind kind)
{
    static const char *const names[CHECK_KINDS] = {"index",  "rule",  "object",  "blob",
                                                   "orphan", "spare", "foreign", "marked"};
    return kind < CHECK_KINDS ? names[kind] : "?";
}

bool check_is_clean(const struct check_report *r)
{
    uint64_t damage = 0;
    for (unsigned i = 0; i <= CHECK_LAST_DAMAGE; i++)
        damage += r->found[i];
    return damage == 0;
}

void check_tell(const struct check_job *job, const struct check_finding *f)
{
    job->report->found[f->kind]++;
    if (job->options->finding)
        job->options->finding(job->options->arg, f);
}

static const struct partition *partition_of(const struct judge *j, uint64_t number)
{
    return list_find(&j->partitions, &(struct partition){.number = number}, compare_partitions);
}

__attribute__((format(printf, 4, 5))) static void tell(struct judge *j, enum check_kind kind, struct bytes key,
                                                       const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    check_tell(j->job, &(struct check_finding){
                           .kind = kind, .what = text, .bucket = j->at ? j->at->bucket : BYTES_NONE, .key = key});
}

static void blob_text(const struct blob_id *id, char ret[33])
{
    hex_encode(id->b, sizeof id->b, ret);
    ret[32] = '\0';
}

static void tick(struct judge *j, const char *what, uint64_t done, uint64_t total, bool bytes)
{
    const struct maintenance_progress *p = &j->options->progress;
    if (p->tick)
        p->tick(p->arg, what, done, total, bytes);
}

static void fix(struct judge *j, enum check_fix_kind kind, const struct place_of_ref *at)
{
    struct check_fixes *f = j->job->fixes;
    if (!f)
        return;
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->p = xrealloc(f->p, f->cap * sizeof *f->p);
    }
    f->p[f->n] = (struct check_fix){.kind = kind, .partition = at->partition, .blob = at->blob};
    memcpy(f->p[f->n++].ref, at->ref, KEY_UID_BYTES);
}

/* ---- walking a partition ---- */

typedef void row_f(struct judge *, const struct index_row *);

static void each_row(struct judge *j, uint64_t partition, struct bytes prefix, row_f *f)
{
    struct arena *from = arena_create(0);
    struct index_scan scan = {
        .partition = partition, .prefix = prefix, .from = prefix, .max_rows = PAGE_ROWS, .max_bytes = PAGE_BYTES};
    for (bool more = true; more;) {
        struct index_page page = {0};
        arena_reset(j->a);
        int rc = index_page(j->job->index, &scan, j->a, &page);
        if (rc != INDEX_OK && rc != INDEX_NOT_FOUND) {
            j->failed = j->failed ? j->failed : rc;
            tell(j, CHECK_INDEX, BYTES_NONE, "records of partition %" PRIu64 " cannot be read: %s", partition,
                 index_rc_name(rc));
        }
        more = rc == INDEX_OK && page.more && page.n_rows > 0;
        if (page.n_rows) {
            arena_reset(from);
            scan.from = bytes_dup(from, page.rows[page.n_rows - 1].key);
            scan.after = true;
        }
        for (size_t i = 0; rc == INDEX_OK && i < page.n_rows; i++) {
            if (++j->rows % TICK_ROWS == 0)
                tick(j, "records", j->rows, 0, false);
            f(j, &page.rows[i]);
        }
    }
    arena_free(from);
}

static bool get(struct judge *j, uint64_t partition, struct bytes key, struct bytes *ret)
{
    return index_get(j->job->index, partition, key, j->a, ret) == INDEX_OK;
}

/* ---- the system partition ---- */

static void add_partition(struct judge *j, uint64_t number, struct bytes bucket, bool dropped, bool never)
{
    struct partition *p = list_add(&j->partitions, sizeof *p);
    *p = (struct partition){number, bytes_dup(j->keep, bucket), dropped, never};
}

static void look_at_bucket(struct judge *j, const struct index_row *row)
{
    struct rec_bucket r;
    uint64_t generation;
    struct bytes name = key_rest(row->key);
    if (!record_decode(&rec_bucket, row->value, j->a, &r)) {
        check_tell(j->job, &(struct check_finding){
                               .kind = CHECK_INDEX, .what = "the record of the bucket makes no sense", .bucket = name});
        return;
    }
    j->report->buckets++;
    if (index_generation(j->job->index, r.b.partition, &generation) != INDEX_OK)
        check_tell(j->job,
                   &(struct check_finding){.kind = CHECK_RULE, .what = "its partition does not exist", .bucket = name});
    add_partition(j, r.b.partition, name, false, r.b.versioning == VERSIONING_NEVER);
}

static void look_at_dropped(struct judge *j, const struct index_row *row)
{
    struct rec_dropped r;
    uint64_t number = key_dropped_partition(row->key);
    if (number == 0 || !record_decode(&rec_dropped, row->value, j->a, &r))
        tell(j, CHECK_INDEX, BYTES_NONE, "the note of a deleted bucket makes no sense");
    else
        add_partition(j, number, BYTES_NONE, true, false);
}

static void look_at_setting(struct judge *j, const struct index_row *row)
{
    struct bytes rest = key_rest(row->key), value;
    struct rec_setting r;
    bool named = rest.n > 2 && rest.p[rest.n - 2] == 0;
    struct bytes bucket = named ? bytes_cut(rest, 0, rest.n - 2) : BYTES_NONE;
    if (!named || !record_decode(&rec_setting, row->value, j->a, &r))
        tell(j, CHECK_INDEX, BYTES_NONE, "a bucket's setting makes no sense");
    else if (!get(j, INDEX_PARTITION_SYSTEM, key_bucket(j->a, bucket), &value))
        check_tell(j->job, &(struct check_finding){.kind = CHECK_SPARE,
                                                   .what = "a setting of a bucket that is not there",
                                                   .bucket = bucket});
}

/* What the scrubber left. */
static void tell_mark(struct judge *j, struct bytes doc, struct bytes text)
{
    const char *id = bytes_cstr(j->a, bytes_cut(doc, sizeof UPKEEP_DAMAGED - 1, doc.n));
    if (text.n && text.p[text.n - 1] == '\n')
        text.n--;
    check_tell(j->job, &(struct check_finding){.kind = CHECK_MARKED, .what = bytes_cstr(j->a, text), .blob = id});
}

static void look_at_system(struct judge *j, const struct index_row *row)
{
    struct rec_setting doc;
    struct rec_counter counter;
    struct rec_format format;
    bool good = true;
    switch ((unsigned char)row->key.p[0]) {
    case KEY_BUCKET:
        look_at_bucket(j, row);
        break;
    case KEY_DROPPED:
        look_at_dropped(j, row);
        break;
    case KEY_SETTING:
        look_at_setting(j, row);
        break;
    case KEY_DOC:
        good = record_decode(&rec_setting, row->value, j->a, &doc);
        if (good && bytes_starts(key_rest(row->key), BYTES_LIT(UPKEEP_DAMAGED)))
            tell_mark(j, key_rest(row->key), doc.value);
        break;
    case KEY_COUNTER:
    case KEY_CLOCK:
        good = record_decode(&rec_counter, row->value, j->a, &counter);
        break;
    case KEY_FORMAT:
        good = record_decode(&rec_format, row->value, j->a, &format) && format.format == STORE_FORMAT;
        break;
    case KEY_SUMS: /* the contents of buckets were counted */
    case KEY_LIFECYCLE:
        break; /* where the worker is; without it a pass begins anew */
    default:
        tell(j, CHECK_RULE, BYTES_NONE, "a record of an unknown kind (%02x) among those of the server",
             (unsigned char)row->key.p[0]);
    }
    if (!good)
        tell(j, CHECK_INDEX, BYTES_NONE, "a record of the server (%c) makes no sense", row->key.p[0]);
}

/* ---- what is referred to ---- */

static void note_extents(struct judge *j, const struct store_extent *e, size_t n, bool live)
{
    for (size_t i = 0; i < n; i++) {
        if (e[i].data.n)
            continue;
        struct place_of_ref at = {.blob = e[i].blob, .partition = e[i].partition};
        memcpy(at.ref, e[i].ref, sizeof at.ref);
        if (live) {
            struct use *u = list_add(&j->uses, sizeof *u);
            bool plain = e[i].codec == 0 && e[i].seal == 0;
            *u = (struct use){at, plain && e[i].offset <= UINT64_MAX - e[i].length ? e[i].offset + e[i].length : 0};
        } else {
            *(struct place_of_ref *)list_add(&j->explained, sizeof at) = at;
        }
    }
}

static void note_thing(struct judge *j, struct list *l, const unsigned char *id, size_t n)
{
    struct thing *t = list_add(l, sizeof *t);
    *t = (struct thing){.partition = j->at->number};
    memcpy(t->id, id, n);
}

static bool adds_up(const struct rec_object *r)
{
    const struct store_object *o = &r->o;
    uint64_t sum = 0;
    if (o->n_extents == 0) /* as it is, or in a box; whether a part is encrypted, its upload tells */
        return o->inline_data.n == o->size || o->inline_data.n == o->size + SEAL_BOX_BYTES;
    for (size_t i = 0; i < o->n_extents; i++) {
        const struct store_extent *e = &o->extents[i];
        if (e->length > STORE_OBJECT_MAX)
            return false;
        sum += e->length;
    }
    return sum == o->size && o->inline_data.n == 0;
}

/* An object's or part's record: decoded, with its manifest, what it refers to noted. */
static bool look_at_record(struct judge *j, const struct rec_type *type, struct bytes key, struct bytes value,
                           bool live, struct rec_object *r)
{
    if (!store__decode_object(type, value, j->at->number, j->a, r)) {
        tell(j, CHECK_INDEX, key, "its record makes no sense");
        return false;
    }
    if (r->in_manifest) {
        struct bytes manifest;
        note_thing(j, &j->needed, r->o.uid, KEY_UID_BYTES);
        r->o.n_parts = 0;
        if (!get(j, j->at->number, key_manifest(j->a, r->o.uid), &manifest) ||
            !record_decode_more(&rec_manifest, manifest, j->a, r) || r->o.n_parts != r->manifest_parts) {
            if (live)
                tell(j, CHECK_INDEX, key, "the list of its parts is missing or damaged");
            return false;
        }
    }
    if (!r->o.marker && !adds_up(r))
        tell(j, CHECK_OBJECT, key, "its pieces do not add up to its size");
    note_extents(j, r->o.extents, r->o.n_extents, live);
    return true;
}

/* ---- objects and versions ---- */

static void look_at_object(struct judge *j, const struct index_row *row)
{
    struct rec_object r;
    struct bytes key = key_rest(row->key);
    j->report->objects++;
    if (!look_at_record(j, &rec_object, key, row->value, true, &r))
        return;
    j->report->object_bytes += r.o.size;
    if (r.noncurrent_ms || r.o.marker)
        tell(j, CHECK_RULE, key, "an older version or a delete marker stands in the place of the object");
}

/* All versions of the key were seen: do they fit to the object and the history? */
static void end_group(struct judge *j)
{
    struct rec_history h = {0};
    struct bytes value;
    if (j->group.n == 0)
        return;
    bool object = get(j, j->at->number, key_object(j->a, j->group), &value);
    if (get(j, j->at->number, key_history(j->a, j->group), &value) && !record_decode(&rec_history, value, j->a, &h))
        tell(j, CHECK_INDEX, j->group, "its history makes no sense");
    if (j->newest > 1 || (object && j->newest))
        tell(j, CHECK_RULE, j->group, "two versions claim to be the newest");
    else if (!object && !j->newest)
        tell(j, CHECK_RULE, j->group, "none of its versions is the newest");
    else if (j->newest && (h.marker_seq != j->newest_seq || memcmp(h.marker_uid, j->newest_uid, KEY_UID_BYTES) != 0))
        tell(j, CHECK_RULE, j->group, "its history does not name its delete marker");
    if (j->nulls > 1)
        tell(j, CHECK_RULE, j->group, "it has two null versions");
    else if (h.null_seq != (j->nulls ? j->null_seq : 0))
        tell(j, CHECK_RULE, j->group, "its history does not name its null version");
    j->group = BYTES_NONE;
}

static void look_at_version(struct judge *j, const struct index_row *row)
{
    struct rec_object r;
    struct bytes key;
    uint64_t seq;
    const unsigned char *uid;
    if (!key_version_parse(row->key, &key, &seq, &uid)) {
        tell(j, CHECK_RULE, key_rest(row->key), "the key of a version has another form");
        return;
    }
    if (!bytes_eq(key, j->group)) {
        end_group(j);
        arena_reset(j->group_arena);
        j->group = bytes_dup(j->group_arena, key);
        j->newest = j->nulls = 0;
    }
    if (!look_at_record(j, &rec_object, key, row->value, true, &r))
        return;
    if (r.o.marker)
        j->report->markers++;
    else
        j->report->versions++;
    j->report->object_bytes += r.o.size;
    bool null = memcmp(uid, store__no_uid, KEY_UID_BYTES) == 0;
    if (r.o.version.seq != seq || null != !r.versioned || (!null && memcmp(uid, r.o.uid, KEY_UID_BYTES) != 0))
        tell(j, CHECK_RULE, key, "a version stands under the id of another one");
    if (null) {
        j->nulls++;
        j->null_seq = seq;
    }
    if (r.noncurrent_ms == 0) {
        j->newest++;
        j->newest_seq = seq;
        memcpy(j->newest_uid, uid, KEY_UID_BYTES);
        if (!r.o.marker)
            tell(j, CHECK_RULE, key, "the newest version stands among the older ones");
    }
    if (j->at->never)
        tell(j, CHECK_RULE, key, "a version in a bucket that never had any");
}

static void look_at_history(struct judge *j, const struct index_row *row)
{
    struct rec_history h;
    struct bytes key = key_rest(row->key), value;
    if (!record_decode(&rec_history, row->value, j->a, &h)) {
        tell(j, CHECK_INDEX, key, "its history makes no sense");
        return;
    }
    if ((h.marker_seq && !get(j, j->at->number, key_version(j->a, key, h.marker_seq, h.marker_uid), &value)) ||
        (h.null_seq && !get(j, j->at->number, key_version(j->a, key, h.null_seq, store__no_uid), &value)))
        tell(j, CHECK_RULE, key, "its history names a version that is not there");
    if (h.marker_seq && get(j, j->at->number, key_object(j->a, key), &value))
        tell(j, CHECK_RULE, key, "it is deleted and there, both");
}

/* ---- uploads, garbage, intents ---- */

static void look_at_upload(struct judge *j, const struct index_row *row)
{
    struct rec_upload r;
    struct bytes key;
    const unsigned char *id;
    if (!key_upload_parse(row->key, &key, &id)) {
        tell(j, CHECK_RULE, key_rest(row->key), "the key of an upload has another form");
        return;
    }
    j->report->uploads++;
    if (!record_decode(&rec_upload, row->value, j->a, &r))
        tell(j, CHECK_INDEX, key, "the record of an upload in progress makes no sense");
    note_thing(j, &j->uploads, id, KEY_UPLOAD_BYTES);
}

static void look_at_part(struct judge *j, const struct index_row *row)
{
    struct rec_object r;
    struct thing t = {.partition = j->at->number};
    if (key_part_number(row->key) == 0) {
        tell(j, CHECK_RULE, BYTES_NONE, "the key of a part has another form");
        return;
    }
    memcpy(t.id, row->key.p + 1, KEY_UPLOAD_BYTES);
    bool live = list_find(&j->uploads, &t, compare_things) != NULL;
    bool purged = list_find(&j->purges, &t, compare_things) != NULL;
    j->report->parts++;
    look_at_record(j, &rec_part, BYTES_NONE, row->value, live, &r);
    if (!live && !purged && !j->at->dropped)
        tell(j, CHECK_SPARE, BYTES_NONE, "part %u of an upload that is not there", key_part_number(row->key));
}

static void look_at_garbage(struct judge *j, const struct index_row *row)
{
    struct rec_garbage g;
    j->report->waiting++;
    if (!record_decode(&rec_garbage, row->value, j->a, &g)) {
        tell(j, CHECK_INDEX, BYTES_NONE, "a piece of garbage makes no sense: its blobs will not be taken away");
        return;
    }
    if (g.purge)
        note_thing(j, &j->purges, g.upload, KEY_UPLOAD_BYTES);
    note_extents(j, g.extents, g.n_extents, false);
    struct rec_object r = {0};
    struct bytes value;
    if (!g.in_manifest)
        return;
    note_thing(j, &j->dying, g.uid, KEY_UID_BYTES);
    if (get(j, j->at->number, key_manifest(j->a, g.uid), &value) && record_decode_more(&rec_manifest, value, j->a, &r))
        note_extents(j, r.o.extents, r.o.n_extents, false);
}

static void look_at_intent(struct judge *j, const struct index_row *row)
{
    struct rec_intent in;
    if (!record_decode(&rec_intent, row->value, j->a, &in))
        tell(j, CHECK_INDEX, BYTES_NONE, "the intent of a copy makes no sense: its references stay");
    else
        note_extents(j, in.extents, in.n_extents, false);
}

static void look_at_manifest(struct judge *j, const struct index_row *row)
{
    if (row->key.n != 1 + KEY_UID_BYTES)
        tell(j, CHECK_RULE, BYTES_NONE, "the key of a list of parts has another form");
    else
        note_thing(j, &j->manifests, (const unsigned char *)row->key.p + 1, KEY_UID_BYTES);
}

static void look_at_ref(struct judge *j, const struct index_row *row)
{
    if (row->key.n != 1 + sizeof(struct blob_id) + KEY_UID_BYTES || !bytes_eq(row->value, record_ref_value())) {
        tell(j, CHECK_RULE, BYTES_NONE, "a reference to a blob has another form");
        return;
    }
    struct place_of_ref *at = list_add(&j->refs, sizeof *at);
    at->partition = j->at->number;
    memcpy(&at->blob, row->key.p + 1, sizeof at->blob);
    memcpy(at->ref, row->key.p + 1 + sizeof at->blob, KEY_UID_BYTES);
}

static void look_at_tombstone(struct judge *j, const struct index_row *row)
{
    struct rec_object r;
    if (!record_decode(&rec_tombstone, row->value, j->a, &r))
        tell(j, CHECK_INDEX, BYTES_NONE, "the note of a completed upload makes no sense");
}

static void look_at_kind(struct judge *j, const struct index_row *row)
{
    if (!memchr("omupcrigwh", row->key.p[0], 10) && !bytes_eq(row->key, store__sums.key))
        tell(j, CHECK_RULE, BYTES_NONE, "a record of an unknown kind (%02x)", (unsigned char)row->key.p[0]);
}

static void look_at_partition(struct judge *j)
{
    static const struct {
        char prefix[1];
        row_f *f;
    } kinds[] = {
        {{KEY_GARBAGE}, look_at_garbage},   {{KEY_INTENT}, look_at_intent},       {{KEY_UPLOAD}, look_at_upload},
        {{KEY_OBJECT}, look_at_object},     {{KEY_VERSION}, look_at_version},     {{KEY_HISTORY}, look_at_history},
        {{KEY_MANIFEST}, look_at_manifest}, {{KEY_TOMBSTONE}, look_at_tombstone}, {{KEY_REF}, look_at_ref}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        each_row(j, j->at->number, bytes_of(kinds[i].prefix, 1), kinds[i].f);
        end_group(j);
    }
}

static void weigh_row(struct judge *j, const struct index_row *row)
{
    store__sums.weigh(row->key, row->value, j->sums);
}

/* What the bucket is said to hold, against what it holds. */
static void judge_sums(struct judge *j)
{
    static const char counted[][1] = {{KEY_OBJECT}, {KEY_VERSION}, {KEY_PART}, {KEY_UPLOAD}};
    int64_t kept[INDEX_SUMS_MAX] = {0};
    struct bytes value;
    memset(j->sums, 0, sizeof j->sums);
    for (size_t i = 0; i < ARRAY_LEN(counted); i++)
        each_row(j, j->at->number, bytes_of(counted[i], 1), weigh_row);
    if (get(j, j->at->number, store__sums.key, &value) && !index_sums_decode(value, kept, store__sums.n))
        tell(j, CHECK_INDEX, BYTES_NONE, "the record of what the bucket holds makes no sense");
    else if (memcmp(kept, j->sums, store__sums.n * sizeof *kept) != 0)
        tell(j, CHECK_RULE, BYTES_NONE, "the counts of what the bucket holds are wrong");
    else
        return;
    fix(j, FIX_SUMS, &(struct place_of_ref){.partition = j->at->number});
}

/* Records between the kinds that are known. */
static void look_for_unknown(struct judge *j)
{
    static const char known[] = "cghimopruw";
    for (int c = 0; c < 256; c++) {
        char prefix = (char)c;
        if (c == 0 || !memchr(known, c, sizeof known - 1))
            each_row(j, j->at->number, bytes_of(&prefix, 1), look_at_kind);
    }
}

/* A partition that neither a bucket nor a note owns: its numbers are given out one after the other. */
static void look_for_lost_partitions(struct judge *j, uint64_t next)
{
    for (uint64_t n = INDEX_PARTITION_SYSTEM + 1; n < next; n++) {
        uint64_t generation;
        if (!partition_of(j, n) && index_generation(j->job->index, n, &generation) == INDEX_OK)
            tell(j, CHECK_SPARE, BYTES_NONE, "partition %" PRIu64 " belongs to no bucket", n);
    }
}

static void look_at_records(struct judge *j)
{
    struct bytes value;
    struct rec_counter counter = {.next = 0};
    uint64_t highest = 0;
    each_row(j, INDEX_PARTITION_SYSTEM, BYTES_NONE, look_at_system);
    list_sort(&j->partitions, compare_partitions);
    if (get(j, INDEX_PARTITION_SYSTEM, key_of_kind(j->a, KEY_COUNTER, BYTES_NONE), &value))
        (void)record_decode(&rec_counter, value, j->a, &counter);
    j->counted = get(j, INDEX_PARTITION_SYSTEM, store__sums.key, &value);
    for (size_t i = 0; i < j->partitions.n; i++) {
        j->at = (const struct partition *)j->partitions.p + i;
        highest = j->at->number;
        if (i > 0 && j->at[-1].number == j->at->number)
            tell(j, CHECK_RULE, BYTES_NONE, "it shares a partition with bucket %.*s", (int)j->at[-1].bucket.n,
                 j->at[-1].bucket.p);
        else
            look_at_partition(j);
        if (j->counted && !j->at->dropped)
            judge_sums(j);
        look_for_unknown(j);
    }
    list_sort(&j->uploads, compare_things);
    list_sort(&j->purges, compare_things);
    for (size_t i = 0; i < j->partitions.n; i++) { /* all uploads are known now */
        char part = KEY_PART;
        j->at = (const struct partition *)j->partitions.p + i;
        each_row(j, j->at->number, bytes_of(&part, 1), look_at_part);
    }
    j->at = NULL;
    if (highest >= counter.next && highest > 0)
        tell(j, CHECK_RULE, BYTES_NONE, "the counter of partitions is behind: new buckets would get used ones");
    look_for_lost_partitions(j, counter.next);
}

/* ---- references ---- */

static void judge_manifests(struct judge *j)
{
    list_sort(&j->needed, compare_things);
    list_sort(&j->dying, compare_things);
    for (size_t i = 0; i < j->manifests.n; i++) {
        const struct thing *t = (const struct thing *)j->manifests.p + i;
        j->at = partition_of(j, t->partition);
        if (!list_find(&j->needed, t, compare_things) && !list_find(&j->dying, t, compare_things) && !j->at->dropped)
            tell(j, CHECK_SPARE, BYTES_NONE, "a list of parts that belongs to no object");
    }
    j->at = NULL;
}

static void mark_bad(struct judge *j, const struct blob_id *blob, const char *what)
{
    struct bad_blob *b = list_add(&j->bad, sizeof *b);
    *b = (struct bad_blob){*blob, what, false};
}

static void judge_refs(struct judge *j)
{
    list_sort(&j->refs, compare_refs);
    list_sort(&j->uses, compare_refs);
    list_sort(&j->explained, compare_refs);
    size_t kept = 0;
    struct place_of_ref *refs = (struct place_of_ref *)j->refs.p;
    for (size_t i = 0; i < j->refs.n; i++) {
        if (list_find(&j->uses, &refs[i], compare_refs) || list_find(&j->explained, &refs[i], compare_refs)) {
            refs[kept++] = refs[i];
            continue;
        }
        char id[33];
        blob_text(&refs[i].blob, id);
        j->at = partition_of(j, refs[i].partition);
        check_tell(j->job, &(struct check_finding){.kind = CHECK_SPARE,
                                                   .what = "a reference to a blob that no object needs",
                                                   .bucket = j->at ? j->at->bucket : BYTES_NONE,
                                                   .blob = id});
        fix(j, FIX_DROP_REF, &refs[i]);
    }
    j->refs.n = kept;
    const struct use *uses = (const struct use *)j->uses.p;
    for (size_t i = 0; i < j->uses.n; i++) {
        if ((i > 0 && compare_refs(&uses[i], &uses[i - 1]) == 0) || list_find(&j->refs, &uses[i].at, compare_refs))
            continue;
        mark_bad(j, &uses[i].at.blob, "nothing protects its bytes: the reference to their blob is missing");
        fix(j, FIX_PUT_REF, &uses[i].at);
    }
    j->at = NULL;
}

/* ---- files ---- */

struct gathering {
    struct judge *j;
    size_t place;
};

static int gather_file(void *arg, const struct blob_entry *e)
{
    struct gathering *g = arg;
    struct judge *j = g->j;
    if (e->kind == BLOB_ENTRY_FOREIGN)
        check_tell(j->job,
                   &(struct check_finding){
                       .kind = CHECK_FOREIGN, .what = "not a name of ours", .path = e->path, .bytes = e->bytes});
    if (e->kind == BLOB_ENTRY_TEMP)
        j->report->settling++;
    if (e->kind != BLOB_ENTRY_BLOB)
        return 0;
    struct file *f = list_add(&j->files, sizeof *f);
    *f = (struct file){e->id, e->bytes, g->place};
    f->blob.b[0] = (unsigned char)j->job->places[g->place].tier;
    j->report->blobs++;
    j->report->blob_bytes += e->bytes;
    if (j->files.n % TICK_ROWS == 0)
        tick(j, "files", j->files.n, 0, false);
    return 0;
}

static int gather_files(struct judge *j)
{
    for (size_t i = 0; i < j->job->n_places; i++) {
        struct gathering g = {j, i};
        int rc = blob_file_walk(j->job->places[i].files, gather_file, &g);
        if (rc != BLOB_OK)
            return rc;
    }
    list_sort(&j->files, compare_blobs);
    return BLOB_OK;
}

static bool paced(void *arg, size_t bytes)
{
    struct judge *j = arg;
    j->report->read_bytes += bytes;
    j->blob_done += bytes;
    tick(j, "data", j->blob_done, j->blob_total, true);
    return true;
}

/* Header, footer and texts; with its checksums unless it is to go fast. NULL: it is good. */
static const char *judge_blob(struct judge *j, const struct blob_id *id, uint64_t *ret_length)
{
    struct blob_store *st = j->job->blobs;
    struct blob_reader *r = NULL;
    struct blob_findings found = {0};
    struct blob_pace pace = {paced, j};
    struct bytes desc, trailer;
    int rc;
    if (!j->options->fast) {
        rc = blob_verify(st, id, &pace, &found);
        *ret_length = found.length;
        if (rc == BLOB_CORRUPT && found.bad_bytes)
            return "some of its data is damaged: checksums do not match";
    } else {
        rc = st->ops->open(st, id, &r);
        if (rc == BLOB_OK) {
            *ret_length = st->ops->length(r);
            rc = st->ops->describe(r, j->a, &desc, &trailer);
        }
        st->ops->close_reader(&r);
    }
    return rc == BLOB_OK          ? NULL
           : rc == BLOB_NOT_FOUND ? "its file is missing"
           : rc == BLOB_CORRUPT   ? "its file is damaged at the beginning or the end, cut short or too long"
                                  : "its file cannot be read: the disk or its permissions fail";
}

/* It is shorter than an extent says: then that object is damaged. */
static bool long_enough(struct judge *j, const struct blob_id *id, uint64_t length)
{
    const struct use *uses = (const struct use *)j->uses.p;
    size_t low = 0, high = j->uses.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_blobs(&uses[mid], id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < j->uses.n && compare_blobs(&uses[low], id) == 0; low++)
        if (uses[low].end > length)
            return false;
    return true;
}

static void tell_orphan(struct judge *j, const struct file *f)
{
    char id[33], path[BLOB_FILE_PATH];
    const struct check_place *place = &j->job->places[f->place];
    struct place_of_ref at = {.blob = f->blob};
    struct blob_id inner = f->blob;
    inner.b[0] = 0;
    if (blob_file_folder(&inner) >= j->settled_below[f->place]) {
        j->report->settling++;
        return;
    }
    blob_text(&f->blob, id);
    blob_file_path(&inner, path);
    (void)place;
    j->report->orphan_bytes += f->bytes;
    check_tell(j->job, &(struct check_finding){.kind = CHECK_ORPHAN,
                                               .what = "a blob that nothing refers to",
                                               .blob = id,
                                               .path = path,
                                               .bytes = f->bytes});
    fix(j, FIX_MOVE_BLOB, &at);
}

/* Any entry of a list that begins with the blob's id. */
static bool names_blob(const struct list *l, const struct blob_id *id)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_blobs(l->p + mid * l->size, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->n && compare_blobs(l->p + low * l->size, id) == 0;
}

/* What has a reference must be there and good; what has none must be explained. Both lists are in order of ids. */
static void judge_files(struct judge *j)
{
    const struct place_of_ref *refs = (const struct place_of_ref *)j->refs.p;
    const struct file *files = (const struct file *)j->files.p;
    j->blob_total = j->report->blob_bytes;
    for (size_t r = 0, f = 0; r < j->refs.n || f < j->files.n;) {
        int c = r == j->refs.n ? 1 : f == j->files.n ? -1 : compare_blobs(&refs[r], &files[f]);
        struct blob_id id = c <= 0 ? refs[r].blob : files[f].blob;
        const char *what = NULL;
        uint64_t length = 0;
        bool live = false; /* else it is garbage, whatever its state */
        arena_reset(j->a);
        for (; c <= 0 && r < j->refs.n && compare_blobs(&refs[r], &id) == 0; r++)
            live = live || list_find(&j->uses, &refs[r], compare_refs);
        live = live || (c > 0 && names_blob(&j->uses, &id)); /* its reference is missing, which has been told */
        if (live)
            what = judge_blob(j, &id, &length); /* also when it was not listed: it may be new */
        if (live && !what && !long_enough(j, &id, length))
            what = "its file is shorter than the object says";
        if (what)
            mark_bad(j, &id, what);
        if (c > 0 && !names_blob(&j->explained, &id) && !names_blob(&j->uses, &id))
            tell_orphan(j, &files[f]);
        f += c >= 0;
        if (j->options->fast && (r + f) % 64 == 0)
            tick(j, "blobs", f, j->files.n, false);
    }
}

/* ---- naming ---- */

/* Still referred to, now: what was removed meanwhile lost its references first. */
static bool still_needed(struct judge *j, const struct blob_id *id)
{
    const struct place_of_ref *refs = (const struct place_of_ref *)j->refs.p;
    for (size_t i = 0; i < j->refs.n; i++) {
        struct bytes value;
        if (compare_blobs(&refs[i], id) == 0 && get(j, refs[i].partition, key_ref(j->a, id, refs[i].ref), &value))
            return true;
    }
    for (size_t i = 0; i < j->uses.n; i++) {
        const struct use *u = (const struct use *)j->uses.p + i;
        if (compare_blobs(u, id) == 0 && !list_find(&j->refs, &u->at, compare_refs))
            return true; /* it had no reference in the first place */
    }
    return false;
}

static void drop_what_went(struct judge *j)
{
    struct bad_blob *bad = (struct bad_blob *)j->bad.p;
    size_t kept = 0;
    list_sort(&j->bad, compare_blobs);
    if (j->job->renew)
        (void)j->job->renew(j->job->index);
    for (size_t i = 0; i < j->bad.n; i++) {
        arena_reset(j->a);
        if (!j->job->renew || still_needed(j, &bad[i].blob))
            bad[kept++] = bad[i];
    }
    j->bad.n = kept;
}

static void name_extents(struct judge *j, const struct rec_object *r, struct bytes key, const char *suffix)
{
    char version[STORE_VERSION_TEXT];
    size_t n = store_version_text(&r->o.version, version);
    for (size_t i = 0; i < r->o.n_extents; i++) {
        struct bad_blob *bad =
            r->o.extents[i].data.n
                ? NULL
                : (struct bad_blob *)(uintptr_t)list_find(&j->bad, &r->o.extents[i].blob, compare_blobs);
        char id[33], text[TEXT_MAX];
        if (!bad)
            continue;
        bad->named = true;
        blob_text(&bad->blob, id);
        snprintf(text, sizeof text, "%s%s", bad->what, suffix);
        check_tell(j->job, &(struct check_finding){.kind = CHECK_OBJECT,
                                                   .what = text,
                                                   .bucket = j->at->bucket,
                                                   .key = key,
                                                   .version = j->at->never ? BYTES_NONE : bytes_of(version, n),
                                                   .blob = id,
                                                   .bytes = r->o.size});
        return; /* an object is named once */
    }
}

static void name_row(struct judge *j, const struct index_row *row)
{
    struct rec_object r;
    struct bytes value, key = key_rest(row->key);
    const unsigned char *uid;
    uint64_t seq;
    char suffix[64] = "";
    bool part = row->key.p[0] == KEY_PART;
    if (part)
        snprintf(suffix, sizeof suffix, " (part %u of an upload in progress)", key_part_number(row->key));
    if (!store__decode_object(part ? &rec_part : &rec_object, row->value, j->at->number, j->a, &r))
        return;
    if (row->key.p[0] == KEY_VERSION && !key_version_parse(row->key, &key, &seq, &uid))
        return;
    if (r.in_manifest && get(j, j->at->number, key_manifest(j->a, r.o.uid), &value))
        (void)record_decode_more(&rec_manifest, value, j->a, &r);
    name_extents(j, &r, part ? BYTES_NONE : key, suffix);
}

static void name_victims(struct judge *j)
{
    static const char kinds[] = {KEY_OBJECT, KEY_VERSION, KEY_PART};
    if (j->bad.n == 0)
        return;
    for (size_t i = 0; i < j->partitions.n; i++) {
        j->at = (const struct partition *)j->partitions.p + i;
        for (size_t k = 0; k < sizeof kinds; k++)
            each_row(j, j->at->number, bytes_of(&kinds[k], 1), name_row);
    }
    j->at = NULL;
    for (size_t i = 0; i < j->bad.n; i++) {
        const struct bad_blob *b = (const struct bad_blob *)j->bad.p + i;
        char id[33];
        blob_text(&b->blob, id);
        check_tell(j->job, &(struct check_finding){.kind = CHECK_BLOB, .what = b->what, .blob = id});
    }
}

/* ---- all of it ---- */

static void free_lists(struct judge *j)
{
    struct list *all[] = {&j->partitions, &j->uses,      &j->explained, &j->refs,   &j->files, &j->uploads,
                          &j->purges,     &j->manifests, &j->dying,     &j->needed, &j->bad};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        free(all[i]->p);
    arena_free(j->keep);
    arena_free(j->a);
    arena_free(j->group_arena);
}

int check_judge(const struct check_job *job, char error[MAINTENANCE_ERROR])
{
    struct judge j = {.job = job,
                      .options = job->options,
                      .report = job->report,
                      .keep = arena_create(0),
                      .a = arena_create(256 * 1024),
                      .group_arena = arena_create(0)};
    for (size_t i = 0; i < job->n_places; i++)
        j.settled_below[i] = blob_file_settled_below(job->places[i].files);
    look_at_records(&j);
    judge_manifests(&j);
    judge_refs(&j);
    int rc = gather_files(&j);
    if (rc == BLOB_OK) {
        if (job->pause)
            job->pause(job->index); /* reading all data may take hours */
        judge_files(&j);
        drop_what_went(&j);
        name_victims(&j);
    } else {
        snprintf(error, MAINTENANCE_ERROR, "the folders of the blobs cannot be read: %s", blob_rc_name(rc));
    }
    free_lists(&j);
    return rc == BLOB_OK ? 0 : -1;
}
