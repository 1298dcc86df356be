/* SPDX-License-Identifier: Apache-2.0 */
/* Tiers: blobs of a class in a folder of their own, and versions that move between them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "blob_file.h"
#include "blob_tiers.h"
#include "storage/lifecycle_worker.h"
#include "tests/double/fault_io.h"
#include "tests/double/index_double.h"
#include "tests/unit/storage/store_world.h"

struct tiered {
    struct world w; /* without blobs of its own */
    char standard[64], glacier[64];
};

static void open_store(struct tiered *t)
{
    struct blob_tier tier = {.name = "GLACIER"};
    struct blob_store *standard;
    cr_assert_eq(blob_file_open(&(struct blob_file_options){.folder = t->standard}, &standard), BLOB_OK);
    cr_assert_eq(blob_file_open(&(struct blob_file_options){.folder = t->glacier}, &tier.store), BLOB_OK);
    struct index *index = index_double_open(3);
    struct store_options o = {.index = index, .blobs = blob_tiers_open(standard, &tier, 1), .no_background = true};
    cr_assert_eq(store_open(&o, &t->w.store), STORE_OK);
    gc_set_ages(t->w.store, 0, 0, 0);
}

static struct tiered tiered_open(void)
{
    struct tiered t = {.w = {.arena = arena_create(0)}};
    snprintf(t.standard, sizeof t.standard, P_tmpdir "/store-tier-XXXXXX");
    snprintf(t.glacier, sizeof t.glacier, P_tmpdir "/store-tier-XXXXXX");
    cr_assert(mkdtemp(t.standard) && mkdtemp(t.glacier));
    open_store(&t);
    t.w.bucket = world_bucket(&t.w, "bucket");
    return t;
}

static int shell(const char *command, const char *folder, char *out, size_t room)
{
    char line[300];
    snprintf(line, sizeof line, "%s %s", command, folder);
    FILE *p = popen(line, "r");
    size_t n = p ? fread(out, 1, room - 1, p) : 0;
    out[n] = '\0';
    return p ? pclose(p) : -1;
}

static int blobs_in(const char *folder)
{
    char line[200], out[100];
    snprintf(line, sizeof line, "%s/blobs -type f -size +100k | wc -l", folder);
    cr_assert_eq(shell("find", line, out, sizeof out), 0);
    return atoi(out);
}

static void tiered_close(struct tiered *t)
{
    char out[8];
    store_close(&t->w.store);
    shell("rm -rf", t->standard, out, sizeof out);
    shell("rm -rf", t->glacier, out, sizeof out);
    arena_free(t->w.arena);
}

static void put(struct tiered *t, const char *key, const char *class, unsigned seed)
{
    struct store_put p = {
        .bucket = &t->w.bucket, .key = bytes_str(key), .storage_class = bytes_str(class), .expected_size = WORLD_BIG};
    struct store_write *w;
    cr_assert_eq(store_write_open(t->w.store, &p, &w), STORE_OK);
    cr_assert_eq(store_write_append(w, world_bytes(t->w.arena, seed, WORLD_BIG), WORLD_BIG), STORE_OK);
    cr_assert_eq(store_write_commit_wait(w), STORE_OK);
    store_write_close(&w);
}

static int move(struct tiered *t, const char *key, const char *class)
{
    return store_object_transition(t->w.store, &t->w.bucket, bytes_str(key), NULL, bytes_str(class), NULL, NULL);
}

static const char *class_of(struct tiered *t, const char *key)
{
    struct store_object *o;
    cr_assert_eq(store_object_head(t->w.store, &t->w.bucket, bytes_str(key), NULL, t->w.arena, &o), STORE_OK);
    return bytes_cstr(t->w.arena, o->storage_class);
}

Test(store_tier, numbers_belong_to_names)
{
    cr_assert_eq(blob_tier_number(BYTES_LIT("STANDARD")), 0);
    cr_assert_eq(blob_tier_number(BYTES_LIT("NONSENSE")), 0);
    for (unsigned i = 1; i < BLOB_TIERS_MAX; i++)
        cr_assert_eq(blob_tier_number(bytes_str(blob_tier_name(i))), i);
}

Test(store_tier, a_class_is_written_where_it_lies)
{
    struct tiered t = tiered_open();
    put(&t, "cold", "GLACIER", 1);
    put(&t, "warm", "STANDARD", 2);
    put(&t, "label", "STANDARD_IA", 3); /* no folder of its own */
    cr_assert(blobs_in(t.glacier) == 1 && blobs_in(t.standard) == 2);
    cr_assert(world_holds(&t.w, &t.w.bucket, "cold", 1, WORLD_BIG));
    cr_assert(world_holds(&t.w, &t.w.bucket, "warm", 2, WORLD_BIG));
    tiered_close(&t);
}

Test(store_tier, transition_moves_bytes_and_keeps_the_rest)
{
    struct tiered t = tiered_open();
    struct store_object *before, *after;
    put(&t, "k", "STANDARD", 1);
    cr_assert_eq(store_object_head(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, t.w.arena, &before), STORE_OK);
    cr_assert_eq(move(&t, "k", "STANDARD_IA"), STORE_OK, "a label only");
    cr_assert(blobs_in(t.glacier) == 0 && strcmp(class_of(&t, "k"), "STANDARD_IA") == 0);
    cr_assert_eq(move(&t, "k", "GLACIER"), STORE_OK);
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.glacier) == 1 && blobs_in(t.standard) == 0, "%d %d", blobs_in(t.glacier),
              blobs_in(t.standard));
    cr_assert(world_holds(&t.w, &t.w.bucket, "k", 1, WORLD_BIG));
    cr_assert_eq(store_object_head(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, t.w.arena, &after), STORE_OK);
    cr_assert(after->mtime_ms == before->mtime_ms && memcmp(&after->etag, &before->etag, sizeof after->etag) == 0);
    cr_assert_eq(move(&t, "k", "STANDARD"), STORE_OK, "and back");
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.glacier) == 0 && blobs_in(t.standard) == 1);
    cr_assert(world_holds(&t.w, &t.w.bucket, "k", 1, WORLD_BIG));
    unsigned char other[16] = {1};
    cr_assert_eq(
        store_object_transition(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, BYTES_LIT("GLACIER"), other, NULL),
        STORE_PRECONDITION_FAILED);
    tiered_close(&t);
}

/* A move may take hours: who ends the store does not wait for it. */
Test(store_tier, a_move_ends_with_the_store)
{
    struct tiered t = tiered_open();
    put(&t, "k", "STANDARD", 1);
    lifecycle_stop(t.w.store);
    cr_assert_eq(move(&t, "k", "GLACIER"), STORE_ABORTED);
    cr_assert(blobs_in(t.glacier) == 0 && blobs_in(t.standard) == 1);
    cr_assert_str_eq(class_of(&t, "k"), "STANDARD");
    cr_assert(world_holds(&t.w, &t.w.bucket, "k", 1, WORLD_BIG));
    tiered_close(&t);
}

Test(store_tier, copies_that_share_a_blob_part_ways)
{
    struct tiered t = tiered_open();
    put(&t, "k", "STANDARD", 1);
    cr_assert_eq(world_copy(&t.w, &t.w.bucket, "k", &t.w.bucket, "copy"), STORE_OK);
    cr_assert_eq(blobs_in(t.standard), 1);
    cr_assert_eq(move(&t, "copy", "GLACIER"), STORE_OK);
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.standard) == 1 && blobs_in(t.glacier) == 1);
    cr_assert(world_holds(&t.w, &t.w.bucket, "k", 1, WORLD_BIG));
    cr_assert(world_holds(&t.w, &t.w.bucket, "copy", 1, WORLD_BIG));
    cr_assert_eq(world_delete(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(world_delete(t.w.store, &t.w.bucket, BYTES_LIT("copy"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.standard) == 0 && blobs_in(t.glacier) == 0);
    tiered_close(&t);
}

Test(store_tier, a_copy_into_a_class_lies_in_its_tier)
{
    struct tiered t = tiered_open();
    struct store_object *source, *made;
    put(&t, "k", "STANDARD", 1);
    cr_assert_eq(store_object_get(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, t.w.arena, &source), STORE_OK);
    struct store_copy c = {.source = source, .source_bucket = &t.w.bucket, .length = source->size};
    c.to = (struct store_put){.bucket = &t.w.bucket,
                              .key = BYTES_LIT("archive"),
                              .storage_class = BYTES_LIT("GLACIER"),
                              .expected_size = source->size};
    cr_assert_eq(store_copy(t.w.store, &c, t.w.arena, &made), STORE_OK);
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.standard) == 1 && blobs_in(t.glacier) == 1);
    cr_assert(world_holds(&t.w, &t.w.bucket, "archive", 1, WORLD_BIG));
    tiered_close(&t);
}

/* Nobody moves it later: it has the class already. */
Test(store_tier, parts_lie_in_the_tier_of_their_upload)
{
    struct tiered t = tiered_open();
    struct store_object *source, *part, *made;
    struct store_upload u;
    struct store_etag etags[2];
    unsigned numbers[] = {1, 2};
    t.w.store->part_min = 1024;
    put(&t, "k", "STANDARD", 1);
    cr_assert_eq(store_object_get(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, t.w.arena, &source), STORE_OK);
    struct store_copy c = {.source = source, .source_bucket = &t.w.bucket, .length = source->size};
    c.to = (struct store_put){.bucket = &t.w.bucket,
                              .key = BYTES_LIT("m"),
                              .storage_class = BYTES_LIT("GLACIER"),
                              .expected_size = UINT64_MAX};
    cr_assert_eq(store_upload_create(t.w.store, &c.to, CHECKSUM_TYPE_NONE, t.w.arena, &u), STORE_OK);
    c.to.upload_id = u.id;
    c.to.part_number = 1;
    cr_assert_eq(store_copy(t.w.store, &c, t.w.arena, &part), STORE_OK);
    etags[0] = part->etag;
    cr_assert_eq(world_put_part(&t.w, &t.w.bucket, "m", u.id, 2, 2, WORLD_BIG, &etags[1]), STORE_OK);
    cr_assert_eq(world_complete(&t.w, &t.w.bucket, "m", u.id, 2, numbers, etags, NULL), STORE_OK);
    cr_assert_eq(world_delete(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.glacier) == 2 && blobs_in(t.standard) == 0);
    cr_assert_eq(store_object_get(t.w.store, &t.w.bucket, BYTES_LIT("m"), NULL, t.w.arena, &made), STORE_OK);
    struct bytes first;
    cr_assert_eq(world_read(&t.w, made, 0, WORLD_BIG, &first), STORE_OK);
    cr_assert(bytes_eq(first, bytes_of(world_bytes(t.w.arena, 1, WORLD_BIG), WORLD_BIG)));
    tiered_close(&t);
}

/* Nor what was too small for a blob of its own. */
Test(store_tier, gathered_pieces_lie_in_the_tier_of_their_upload)
{
    enum { PARTS = 20, SIZE = 10 * 1024 };
    struct tiered t = tiered_open();
    struct store_upload u;
    struct store_etag etags[PARTS];
    unsigned numbers[PARTS];
    struct store_put p = {.bucket = &t.w.bucket, .key = BYTES_LIT("m"), .storage_class = BYTES_LIT("GLACIER")};
    t.w.store->part_min = 1024;
    cr_assert_eq(store_upload_create(t.w.store, &p, CHECKSUM_TYPE_NONE, t.w.arena, &u), STORE_OK);
    for (unsigned i = 0; i < PARTS; i++) {
        numbers[i] = i + 1;
        cr_assert_eq(world_put_part(&t.w, &t.w.bucket, "m", u.id, i + 1, i, SIZE, &etags[i]), STORE_OK);
    }
    cr_assert_eq(world_complete(&t.w, &t.w.bucket, "m", u.id, PARTS, numbers, etags, NULL), STORE_OK);
    cr_assert(blobs_in(t.glacier) == 1 && blobs_in(t.standard) == 0);
    tiered_close(&t);
}

/* Without any key, and read as before: also ranges of one blob, which is moved once. */
Test(store_tier, encrypted_bytes_move_as_they_are)
{
    struct tiered t = tiered_open();
    struct store_object *source, *made;
    t.w.sealing = WORLD_SEALED;
    t.w.store->part_min = 1024;
    cr_assert_eq(world_put(&t.w, &t.w.bucket, "k", 1, WORLD_BIG, NULL), STORE_OK);
    cr_assert_eq(store_object_get(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, t.w.arena, &source), STORE_OK);
    struct store_upload u = world_upload(&t.w, &t.w.bucket, "m");
    struct store_etag etags[3];
    unsigned numbers[3] = {1, 2, 3};
    char *want = world_bytes(t.w.arena, 1, WORLD_BIG), *all = arena_alloc(t.w.arena, 3 * WORLD_BIG);
    size_t n = 0;
    for (unsigned i = 0; i < 2; i++) {
        struct store_copy c = {.source = source,
                               .source_bucket = &t.w.bucket,
                               .source_key = world_key(source->envelope),
                               .offset = 1000 + 50000 * i,
                               .length = 70001,
                               .to = {.bucket = &t.w.bucket,
                                      .key = BYTES_LIT("m"),
                                      .upload_id = u.id,
                                      .part_number = i + 1,
                                      .seal.key = world_key(u.envelope)}};
        cr_assert_eq(store_copy(t.w.store, &c, t.w.arena, &made), STORE_OK);
        etags[i] = made->etag;
        memcpy(all + n, want + c.offset, 70001);
        n += 70001;
    }
    cr_assert_eq(world_put_part(&t.w, &t.w.bucket, "m", u.id, 3, 3, 5000, &etags[2]), STORE_OK);
    memcpy(all + n, world_bytes(t.w.arena, 3, 5000), 5000);
    n += 5000;
    cr_assert_eq(world_complete(&t.w, &t.w.bucket, "m", u.id, 3, numbers, etags, NULL), STORE_OK);
    cr_assert_eq(blobs_in(t.standard), 1);
    for (int round = 0; round < 2; round++) {
        struct bytes got;
        cr_assert_eq(move(&t, "m", round ? "STANDARD" : "GLACIER"), STORE_OK);
        cr_assert_eq(store_collect(t.w.store), STORE_OK);
        cr_assert(blobs_in(t.standard) == 1 + round && blobs_in(t.glacier) == 1 - round);
        cr_assert_eq(world_get(&t.w, &t.w.bucket, "m", &got), STORE_OK);
        cr_assert(bytes_eq(got, bytes_of(all, n)));
        cr_assert(world_holds(&t.w, &t.w.bucket, "k", 1, WORLD_BIG));
    }
    cr_assert_eq(world_delete(t.w.store, &t.w.bucket, BYTES_LIT("k"), NULL, NULL), STORE_OK);
    cr_assert_eq(world_delete(t.w.store, &t.w.bucket, BYTES_LIT("m"), NULL, NULL), STORE_OK);
    cr_assert_eq(store_collect(t.w.store), STORE_OK);
    cr_assert(blobs_in(t.standard) == 0 && blobs_in(t.glacier) == 0);
    tiered_close(&t);
}

Test(store_tier, every_index_fault_leaves_it_before_or_after)
{
    static const enum index_double_fault faults[] = {INDEX_DOUBLE_CONFLICT,        INDEX_DOUBLE_STALE,
                                                     INDEX_DOUBLE_UNAVAILABLE,     INDEX_DOUBLE_FULL,
                                                     INDEX_DOUBLE_UNKNOWN_APPLIED, INDEX_DOUBLE_UNKNOWN_LOST};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct tiered t = tiered_open();
        put(&t, "k", "STANDARD", 1);
        index_double_fail(t.w.store->index, 1, faults[i]);
        int rc = move(&t, "k", "GLACIER");
        bool moved = strcmp(class_of(&t, "k"), "GLACIER") == 0;
        cr_assert_eq(moved, rc == STORE_OK, "fault %zu: %s", i, store_rc_name(rc));
        cr_assert_eq(store_collect(t.w.store), STORE_OK);
        cr_assert(world_holds(&t.w, &t.w.bucket, "k", 1, WORLD_BIG));
        cr_assert_eq(blobs_in(t.standard) + blobs_in(t.glacier), 1, "fault %zu", i);
        tiered_close(&t);
    }
}
