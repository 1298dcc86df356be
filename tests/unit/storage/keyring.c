/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring on a store in memory: keys, envelopes, versions, and all that may be missing or wrong. */
#include "keyring.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypt.h"
#include "key_service.h"
#include "tests/unit/storage/store_world.h"

static const unsigned char master_a[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789abcdef";
static const unsigned char master_b[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789abcdeF";
static const unsigned char customer[32] = "a key that only a customer knows";

struct ring {
    struct world w;
    struct crypt *master;
    const struct key_service *service;
    struct keyring *keys;
};

static void open_keys(struct ring *t)
{
    struct keyring_options o = {.store = t->w.store, .master = t->master, .service = t->service, .no_background = true};
    cr_assert_eq(keyring_open(&o, &t->keys), KEYRING_OK);
}

static struct ring ring_open(void)
{
    struct ring t = {.w = world_open(), .master = crypt_of_key(master_a)};
    open_keys(&t);
    return t;
}

/* With another master key, or none. */
static void ring_restart(struct ring *t, const unsigned char *master)
{
    keyring_close(&t->keys);
    crypt_close(&t->master);
    world_restart(&t->w);
    t->master = master ? crypt_of_key(master) : NULL;
    open_keys(t);
}

static void ring_close(struct ring *t)
{
    keyring_close(&t->keys);
    keyring_close(&t->keys);
    crypt_close(&t->master);
    world_close(&t->w);
}

static const struct sse_place place = {3, {"k", 1}};

static int seal(struct ring *t, enum sse_method method, const char *name, unsigned char key[32], struct bytes *ret)
{
    struct sse_info info = {.method = method, .key_id = bytes_str(name)};
    return keyring_seal(t->keys, t->w.arena, &info, method == SSE_C ? customer : NULL, &place, key, ret);
}

static void check_opens(struct ring *t, struct bytes envelope, const unsigned char *want)
{
    unsigned char got[32];
    int rc = keyring_unseal(t->keys, envelope, customer, &place, got);
    cr_assert_eq(rc, KEYRING_OK, "%s", keyring_rc_name(rc));
    cr_assert_arr_eq(got, want, 32);
}

Test(keyring, each_method_seals_and_opens_also_after_a_restart)
{
    struct ring t = ring_open();
    unsigned char keys[4][32];
    struct bytes e[4];
    struct sse_info info;
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("mine")), KEYRING_OK);
    cr_assert_eq(seal(&t, SSE_S3, NULL, keys[0], &e[0]), KEYRING_OK);
    cr_assert_eq(seal(&t, SSE_KMS, NULL, keys[1], &e[1]), KEYRING_OK);
    cr_assert_eq(seal(&t, SSE_KMS_DSSE, "mine", keys[2], &e[2]), KEYRING_OK);
    cr_assert_eq(seal(&t, SSE_C, NULL, keys[3], &e[3]), KEYRING_OK);
    cr_assert(sse_info_read(e[1], &info) && bytes_eq_str(info.key_id, KEYRING_KMS_DEFAULT) && info.key_version == 1);
    cr_assert(sse_info_read(e[2], &info) && bytes_eq_str(info.key_id, "mine"));
    for (int i = 0; i < 4; i++)
        check_opens(&t, e[i], keys[i]);
    for (int i = 0; i < 4; i++) /* what the world's restart would take away */
        e[i] = bytes_of(memcpy(xmalloc(e[i].n), e[i].p, e[i].n), e[i].n);
    ring_restart(&t, master_a);
    for (int i = 0; i < 4; i++) {
        check_opens(&t, e[i], keys[i]);
        free((void *)e[i].p);
    }
    ring_close(&t);
}

/* ---- what is missing or wrong ---- */

Test(keyring, another_place_or_customer_does_not_open)
{
    struct ring t = ring_open();
    static const unsigned char other[32] = "a key that another customer has.";
    struct sse_place elsewhere[] = {{4, {"k", 1}}, {3, {"K", 1}}, {3, {"kk", 2}}, {3, {"", 0}}};
    unsigned char key[32], got[32];
    struct bytes e;
    cr_assert_eq(seal(&t, SSE_S3, NULL, key, &e), KEYRING_OK);
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        cr_assert_eq(keyring_unseal(t.keys, e, NULL, &elsewhere[i], got), KEYRING_DAMAGED);
    cr_assert_eq(keyring_unseal(t.keys, BYTES_LIT("junk"), NULL, &place, got), KEYRING_DAMAGED);
    cr_assert_eq(seal(&t, SSE_C, NULL, key, &e), KEYRING_OK);
    cr_assert_eq(keyring_unseal(t.keys, e, other, &place, got), KEYRING_WRONG_KEY);
    cr_assert_eq(keyring_unseal(t.keys, e, NULL, &place, got), KEYRING_WRONG_KEY);
    cr_assert_eq(keyring_unseal(t.keys, e, customer, &elsewhere[0], got), KEYRING_DAMAGED);
    struct sse_info info = {.method = SSE_C};
    cr_assert_eq(keyring_seal(t.keys, t.w.arena, &info, NULL, &place, key, &e), KEYRING_WRONG_KEY);
    ring_close(&t);
}

Test(keyring, unknown_and_disabled_keys_are_told_apart)
{
    struct ring t = ring_open();
    unsigned char key[32], got[32];
    struct bytes e;
    cr_assert_eq(seal(&t, SSE_KMS, "nobody", key, &e), KEYRING_NO_SUCH_KEY);
    cr_assert_eq(seal(&t, SSE_KMS, "a/b", key, &e), KEYRING_NO_SUCH_KEY);
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    cr_assert_eq(seal(&t, SSE_KMS, "k", key, &e), KEYRING_OK);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), true), KEYRING_OK);
    struct bytes none;
    cr_assert_eq(seal(&t, SSE_KMS, "k", got, &none), KEYRING_DISABLED);
    cr_assert_eq(keyring_unseal(t.keys, e, NULL, &place, got), KEYRING_DISABLED);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_DISABLED);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), false), KEYRING_OK);
    check_opens(&t, e, key);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("nobody"), false), KEYRING_NO_SUCH_KEY);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("nobody")), KEYRING_NO_SUCH_KEY);
    ring_close(&t);
}

Test(keyring, without_its_master_key_nothing_opens_and_nothing_is_overwritten)
{
    struct ring t = ring_open();
    unsigned char key[32], got[32], kept[512];
    struct bytes e, mine;
    struct keyring_key about;
    cr_assert_eq(seal(&t, SSE_S3, NULL, key, &e), KEYRING_OK);
    memcpy(kept, e.p, e.n);
    e.p = (const char *)kept;
    ring_restart(&t, NULL);
    cr_assert_eq(keyring_unseal(t.keys, e, NULL, &place, got), KEYRING_UNAVAILABLE);
    cr_assert_eq(seal(&t, SSE_S3, NULL, got, &mine), KEYRING_UNAVAILABLE);
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("new")), KEYRING_UNAVAILABLE);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT(KEYRING_S3_KEY)), KEYRING_UNAVAILABLE);
    cr_assert_eq(seal(&t, SSE_C, NULL, got, &mine), KEYRING_OK, "customers' keys need no master key");
    ring_restart(&t, master_b);
    cr_assert_eq(keyring_unseal(t.keys, e, NULL, &place, got), KEYRING_DAMAGED);
    cr_assert_eq(keyring_get(t.keys, BYTES_LIT(KEYRING_S3_KEY), t.w.arena, &about), KEYRING_OK);
    cr_assert(!about.available && about.versions == 1);
    ring_restart(&t, master_a);
    check_opens(&t, e, key);
    ring_close(&t);
}

static void put_document(struct ring *t, const char *key, const char *value)
{
    struct store_doc_change c = {.key = bytes_str(key), .put = true, .value = bytes_str(value)};
    cr_assert_eq(store_doc_apply(t->w.store, &c, 1), STORE_OK);
}

Test(keyring, a_damaged_document_costs_its_key_alone)
{
    static const char *const bad[] = {"{",
                                      "[]",
                                      "{\"v\":2,\"versions\":[{\"sealed\":\"QUJD\"}]}",
                                      "{\"v\":1,\"versions\":[]}",
                                      "{\"v\":1,\"versions\":[{\"sealed\":\"no base64\"}]}",
                                      "{\"v\":1,\"versions\":[{\"sealed\":\"QUJD\",\"by\":\"x\"}]}",
                                      "{\"v\":1,\"versions\":[7]}",
                                      "{\"v\":1,\"versions\":[{\"sealed\":\"QUJD\"}]}"};
    struct ring t = ring_open();
    unsigned char key[32];
    struct bytes e, text;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put_document(&t, "keys/k/bad", bad[i]);
        ring_restart(&t, master_a);
        cr_assert_eq(seal(&t, SSE_KMS, "bad", key, &e), KEYRING_DAMAGED, "%s", bad[i]);
        cr_assert_eq(seal(&t, SSE_KMS, NULL, key, &e), KEYRING_OK);
        cr_assert_eq(keyring_create(t.keys, BYTES_LIT("bad")), KEYRING_EXISTS);
        cr_assert_eq(store_doc_get(t.w.store, BYTES_LIT("keys/k/bad"), t.w.arena, &text), STORE_OK);
        cr_assert(bytes_eq_str(text, bad[i]), "it stays as it is");
    }
    ring_close(&t);
}

Test(keyring, the_document_of_one_key_opens_no_other)
{
    struct ring t = ring_open();
    unsigned char key[32];
    struct bytes e, text;
    cr_assert_eq(store_doc_get(t.w.store, BYTES_LIT("keys/k/" KEYRING_S3_KEY), t.w.arena, &text), STORE_OK);
    put_document(&t, "keys/k/copy", bytes_cstr(t.w.arena, text));
    ring_restart(&t, master_a);
    cr_assert_eq(seal(&t, SSE_KMS, "copy", key, &e), KEYRING_DAMAGED);
    ring_close(&t);
}

/* ---- names ---- */

Test(keyring, names_as_clients_say_them)
{
    static const struct {
        const char *said, *name; /* NULL: none */
    } rows[] = {
        {"mine", "mine"},
        {"alias/aws/s3", "aws-s3"},
        {"alias/mine", "mine"},
        {"arn:aws:kms:eu-west-1:123456789012:key/mine", "mine"},
        {"arn:aws-cn:kms::1:alias/mine", "mine"},
        {"arn:aws:kms:us-east-1:1:alias/aws/s3", "aws-s3"},
        {"1234abcd-12ab-34cd-56ef-1234567890ab", "1234abcd-12ab-34cd-56ef-1234567890ab"},
        {"", NULL},
        {"alias/", NULL},
        {"alias/aws/ebs", NULL},
        {"key/mine", NULL},
        {"arn:aws:s3:eu-west-1:1:key/mine", NULL},
        {"arn:aws:kms:eu-west-1:1:mine", NULL},
        {"arn:aws:kms:eu-west-1", NULL},
        {".hidden", NULL},
        {"a b", NULL},
        {"k\xc3\xa4se", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes name;
        bool good = keyring_name_of(bytes_str(rows[i].said), &name);
        cr_assert_eq(good, rows[i].name != NULL, "%s", rows[i].said);
        cr_assert(!good || bytes_eq_str(name, rows[i].name), "%s", rows[i].said);
    }
}

Test(keyring, the_list_comes_in_pages)
{
    struct ring t = ring_open();
    struct keyring_key *rows;
    struct bytes after = BYTES_NONE;
    static const char *const want[] = {"a", "aws-s3", "m", "pail-s3", "z"};
    size_t n, seen = 0;
    bool more = true;
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("z")), KEYRING_OK);
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("a")), KEYRING_OK);
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("m")), KEYRING_OK);
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("m")), KEYRING_EXISTS);
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("no/name")), KEYRING_INVALID_NAME);
    while (more) {
        cr_assert_eq(keyring_list(t.keys, after, 2, t.w.arena, &rows, &n, &more), KEYRING_OK);
        for (size_t i = 0; i < n; i++)
            cr_assert(bytes_eq_str(rows[i].name, want[seen++]));
        after = rows[n - 1].name;
    }
    cr_assert_eq(seen, 5);
    ring_close(&t);
}

/* ---- rotation ---- */

/* An object of no bytes whose envelope the keyring made. */
static void put_sealed(struct ring *t, const char *key, const char *kek, unsigned char ret_key[32])
{
    struct sse_info info = {.method = SSE_KMS, .key_id = bytes_str(kek)};
    struct sse_place at = {t->w.bucket.partition, bytes_str(key)};
    struct bytes e;
    struct store_write *write;
    cr_assert_eq(keyring_seal(t->keys, t->w.arena, &info, NULL, &at, ret_key, &e), KEYRING_OK);
    struct store_put put = {.bucket = &t->w.bucket,
                            .key = bytes_str(key),
                            .owner = BYTES_LIT("me"),
                            .storage_class = BYTES_LIT("STANDARD"),
                            .seal = {.key = ret_key, .envelope = e, .opaque_etag = true},
                            .expected_size = 4};
    cr_assert_eq(store_write_open(t->w.store, &put, &write), STORE_OK);
    cr_assert_eq(store_write_append(write, "text", 4), STORE_OK);
    cr_assert_eq(store_write_commit_wait(write), STORE_OK);
    store_write_close(&write);
}

/* It opens; answers the version that sealed it. */
static uint32_t version_of(struct ring *t, const char *key, const unsigned char want[32])
{
    struct store_object *o;
    struct sse_info info;
    struct sse_place at = {t->w.bucket.partition, bytes_str(key)};
    unsigned char got[32];
    cr_assert_eq(store_object_get(t->w.store, &t->w.bucket, bytes_str(key), NULL, t->w.arena, &o), STORE_OK);
    cr_assert(sse_info_read(o->envelope, &info));
    cr_assert_eq(keyring_unseal(t->keys, o->envelope, NULL, &at, got), KEYRING_OK);
    cr_assert_arr_eq(got, want, 32);
    return info.key_version;
}

static struct keyring_key about(struct ring *t, const char *name)
{
    struct keyring_key k;
    cr_assert_eq(keyring_get(t->keys, bytes_str(name), t->w.arena, &k), KEYRING_OK);
    return k;
}

Test(keyring, rotation_moves_envelopes_and_old_versions_stay)
{
    struct ring t = ring_open();
    unsigned char one[32], two[32], three[32];
    uint64_t moved;
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    put_sealed(&t, "one", "k", one);
    put_sealed(&t, "other", KEYRING_KMS_DEFAULT, three);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    cr_assert(about(&t, "k").resealing && about(&t, "k").current == 2);
    put_sealed(&t, "two", "k", two);
    cr_assert(version_of(&t, "one", one) == 1 && version_of(&t, "two", two) == 2);
    cr_assert_eq(keyring_reseal(t.keys, &moved), KEYRING_OK);
    cr_assert_eq(moved, 1);
    cr_assert(!about(&t, "k").resealing && about(&t, "k").resealed == 1);
    cr_assert(version_of(&t, "one", one) == 2 && version_of(&t, "two", two) == 2);
    cr_assert_eq(version_of(&t, "other", three), 1);
    ring_restart(&t, master_a);
    cr_assert(about(&t, "k").versions == 2 && about(&t, "k").resealed == 1 && !about(&t, "k").resealing);
    cr_assert_eq(version_of(&t, "one", one), 2);
    ring_close(&t);
}

/* More than a batch, so that there is an end in the middle. */
Test(keyring, sealing_anew_goes_on_after_a_kill)
{
    enum { N = 600 };
    struct ring t = ring_open();
    static unsigned char keys[N][32];
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    for (int i = 0; i < N; i++)
        put_sealed(&t, arena_printf(t.w.arena, "o%04d", i), "k", keys[i]);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    cr_assert(keyring_work(t.keys), "there is more than one batch");
    cr_assert(about(&t, "k").resealed > 0 && about(&t, "k").resealed < N);
    world_kill_at(&t.w, 1, true);
    keyring_work(t.keys);
    cr_assert(world_killed(&t.w));
    ring_restart(&t, master_a);
    cr_assert(about(&t, "k").resealing);
    while (keyring_work(t.keys))
        ;
    cr_assert(!about(&t, "k").resealing);
    for (int i = 0; i < N; i++)
        cr_assert_eq(version_of(&t, arena_printf(t.w.arena, "o%04d", i), keys[i]), 2, "%d", i);
    ring_close(&t);
}

Test(keyring, a_rotation_during_a_pass_is_followed_by_another)
{
    enum { N = 300 };
    struct ring t = ring_open();
    static unsigned char keys[N][32];
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    for (int i = 0; i < N; i++)
        put_sealed(&t, arena_printf(t.w.arena, "o%04d", i), "k", keys[i]);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    cr_assert(keyring_work(t.keys));
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    while (keyring_work(t.keys))
        ;
    cr_assert(!about(&t, "k").resealing);
    for (int i = 0; i < N; i++)
        cr_assert_eq(version_of(&t, arena_printf(t.w.arena, "o%04d", i), keys[i]), 3, "%d", i);
    ring_close(&t);
}

Test(keyring, a_disabled_key_waits_with_its_envelopes)
{
    struct ring t = ring_open();
    unsigned char one[32];
    uint64_t moved;
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    put_sealed(&t, "one", "k", one);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), true), KEYRING_OK);
    cr_assert(!keyring_work(t.keys));
    cr_assert_eq(keyring_reseal(t.keys, &moved), KEYRING_OK);
    cr_assert(moved == 0 && about(&t, "k").resealing);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), false), KEYRING_OK);
    while (keyring_work(t.keys))
        ;
    cr_assert(!about(&t, "k").resealing);
    cr_assert_eq(version_of(&t, "one", one), 2);
    ring_close(&t);
}

/* ---- deleting ---- */

Test(keyring, only_a_disabled_key_without_uses_is_deleted)
{
    struct ring t = ring_open();
    unsigned char one[32];
    uint64_t uses;
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    cr_assert_eq(keyring_delete(t.keys, BYTES_LIT("k"), &uses), KEYRING_IN_USE, "it is enabled");
    put_sealed(&t, "one", "k", one);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), true), KEYRING_OK);
    cr_assert(keyring_delete(t.keys, BYTES_LIT("k"), &uses) == KEYRING_IN_USE && uses == 0, "it sealed just now");
    ring_restart(&t, master_a);
    cr_assert(keyring_delete(t.keys, BYTES_LIT("k"), &uses) == KEYRING_IN_USE && uses == 1);
    cr_assert_eq(world_delete(t.w.store, &t.w.bucket, BYTES_LIT("one"), NULL, NULL), STORE_OK);
    cr_assert_eq(keyring_delete(t.keys, BYTES_LIT("k"), &uses), KEYRING_OK);
    cr_assert_eq(keyring_delete(t.keys, BYTES_LIT("k"), &uses), KEYRING_NO_SUCH_KEY);
    ring_restart(&t, master_a);
    cr_assert_eq(keyring_delete(t.keys, BYTES_LIT("k"), &uses), KEYRING_NO_SUCH_KEY);
    cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT(KEYRING_S3_KEY), true), KEYRING_OK);
    cr_assert_eq(keyring_delete(t.keys, BYTES_LIT(KEYRING_S3_KEY), &uses), KEYRING_IN_USE, "it has to be there");
    ring_close(&t);
}

/* ---- the store's failures ---- */

Test(keyring, a_change_that_the_store_lost_did_not_happen)
{
    struct ring t = ring_open();
    unsigned char one[32];
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    put_sealed(&t, "one", "k", one);
    world_kill_at(&t.w, 1, false);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_STORE);
    cr_assert_eq(about(&t, "k").current, 1, "nothing is sealed with what could be lost");
    ring_restart(&t, master_a);
    cr_assert_eq(about(&t, "k").current, 1);
    cr_assert_eq(version_of(&t, "one", one), 1);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    ring_close(&t);
}

/* ---- a key service ---- */

struct fake_service {
    bool away, wrong;
    unsigned wraps, unwraps;
};

static bool fake_wrap(void *ctx, struct arena *a, struct bytes secret, struct bytes *ret, char error[256])
{
    struct fake_service *f = ctx;
    f->wraps++;
    snprintf(error, 256, "it is away");
    char *text = arena_alloc(a, 2 * secret.n);
    hex_encode(secret.p, secret.n, text);
    for (size_t i = 0; i < 2 * secret.n; i++)
        text[i] ^= 1;
    *ret = bytes_of(text, 2 * secret.n);
    return !f->away;
}

static bool fake_unwrap(void *ctx, struct arena *a, struct bytes sealed, struct bytes *ret, char error[256])
{
    struct fake_service *f = ctx;
    char *text = (char *)bytes_dup(a, sealed).p, *out = arena_alloc(a, 32);
    f->unwraps++;
    snprintf(error, 256, "it is away");
    for (size_t i = 0; i < sealed.n; i++)
        text[i] ^= 1;
    *ret = bytes_of(out, 32);
    return !f->away && hex_decode(bytes_of(text, sealed.n), out, 32) && (!f->wrong || (out[0] ^= 1, true));
}

Test(keyring, an_outage_of_the_key_service_hurts_only_a_restart)
{
    struct fake_service fake = {0};
    struct key_service service = {.name = "fake", .ctx = &fake, .wrap = fake_wrap, .unwrap = fake_unwrap};
    struct ring t = {.w = world_open(), .master = crypt_of_key(master_a), .service = &service};
    unsigned char one[32], got[32];
    struct bytes e;
    open_keys(&t);
    cr_assert_eq(fake.wraps, 2, "the default keys");
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    put_sealed(&t, "one", "k", one);
    fake.away = true;
    cr_assert_eq(version_of(&t, "one", one), 1, "it is open already");
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("new")), KEYRING_UNAVAILABLE);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_UNAVAILABLE);
    ring_restart(&t, master_a);
    cr_assert(!about(&t, "k").available);
    cr_assert_eq(seal(&t, SSE_KMS, "k", got, &e), KEYRING_UNAVAILABLE);
    fake.away = false;
    while (!about(&t, "k").available)
        keyring_work(t.keys);
    cr_assert_eq(version_of(&t, "one", one), 1);
    fake.wrong = true;
    ring_restart(&t, master_a);
    cr_assert_eq(seal(&t, SSE_KMS, "k", got, &e), KEYRING_DAMAGED);
    fake.wrong = false;
    ring_restart(&t, NULL);
    cr_assert_eq(version_of(&t, "one", one), 1, "the master key has no part in it");
    t.service = NULL;
    ring_restart(&t, master_a);
    cr_assert_eq(seal(&t, SSE_KMS, "k", got, &e), KEYRING_UNAVAILABLE);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK, "from now on the master key seals");
    cr_assert_eq(seal(&t, SSE_KMS, "k", got, &e), KEYRING_OK);
    t.service = &service;
    ring_restart(&t, master_a);
    while (keyring_work(t.keys))
        ;
    cr_assert_eq(version_of(&t, "one", one), 2);
    ring_close(&t);
}

/* ---- many at once ---- */

struct racer {
    struct ring *t;
    atomic_bool *stop;
};

static void *seal_and_open(void *arg)
{
    struct racer *r = arg;
    struct arena *a = arena_create(0);
    do {
        struct sse_info info = {.method = SSE_KMS, .key_id = BYTES_LIT("k")};
        unsigned char key[32], got[32];
        struct bytes e;
        int rc = keyring_seal(r->t->keys, a, &info, NULL, &place, key, &e);
        if (rc == KEYRING_OK)
            rc = keyring_unseal(r->t->keys, e, NULL, &place, got);
        if (rc != KEYRING_DISABLED) {
            cr_assert_eq(rc, KEYRING_OK);
            cr_assert_arr_eq(key, got, 32);
        }
        arena_reset(a);
    } while (!atomic_load(r->stop));
    arena_free(a);
    return NULL;
}

Test(keyring, requests_and_changes_at_once)
{
    struct ring t = ring_open();
    atomic_bool stop = false;
    pthread_t threads[3];
    struct racer racers[3];
    uint64_t moved, uses;
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    for (int i = 0; i < 3; i++) {
        racers[i] = (struct racer){&t, &stop};
        cr_assert_eq(pthread_create(&threads[i], NULL, seal_and_open, &racers[i]), 0);
    }
    for (int i = 0; i < 30; i++) {
        char name[16];
        struct keyring_key *rows;
        size_t n;
        bool more;
        snprintf(name, sizeof name, "n%d", i);
        cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
        cr_assert_eq(keyring_create(t.keys, bytes_str(name)), KEYRING_OK);
        cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), true), KEYRING_OK);
        cr_assert_eq(keyring_set_disabled(t.keys, BYTES_LIT("k"), false), KEYRING_OK);
        cr_assert_eq(keyring_reseal(t.keys, &moved), KEYRING_OK);
        cr_assert_eq(keyring_list(t.keys, BYTES_NONE, 100, t.w.arena, &rows, &n, &more), KEYRING_OK);
        cr_assert_eq(keyring_set_disabled(t.keys, bytes_str(name), true), KEYRING_OK);
        cr_assert_eq(keyring_delete(t.keys, bytes_str(name), &uses), KEYRING_OK);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ring_close(&t);
}

Test(keyring, the_background_does_it_by_itself)
{
    struct ring t = ring_open();
    unsigned char one[32];
    cr_assert_eq(keyring_create(t.keys, BYTES_LIT("k")), KEYRING_OK);
    put_sealed(&t, "one", "k", one);
    keyring_close(&t.keys);
    struct keyring_options o = {.store = t.w.store, .master = t.master};
    cr_assert_eq(keyring_open(&o, &t.keys), KEYRING_OK);
    cr_assert_eq(keyring_rotate(t.keys, BYTES_LIT("k")), KEYRING_OK);
    while (about(&t, "k").resealing)
        usleep(1000);
    cr_assert_eq(version_of(&t, "one", one), 2);
    ring_close(&t);
}
