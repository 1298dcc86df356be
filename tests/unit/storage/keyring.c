/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring on a store in memory: keys, envelopes, versions, and all that may be missing or wrong. */
#include "keyring.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "crypt.h"
#include "key_service.h"
#include "tests/unit/storage/store_world.h"

static const unsigned char master_a[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789abcdef";
static const unsigned char master_b[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789abcdeF";
static const unsigned char customer[32] = "a key that only a customer knows.";

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
