/* SPDX-License-Identifier: Apache-2.0 */
/* The per-thread cache of signing keys: hits, evictions, wiping, threads apart. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "server/auth/auth.h"
#include "server/auth/key_cache.h"

static struct key_scope scope_of(const char *secret, const char *date, const char *region)
{
    return (struct key_scope){bytes_str(secret), bytes_str(date), bytes_str(region), BYTES_LIT("s3")};
}

/* docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html, an earlier edition's example */
Test(key_cache, derives_aws_example)
{
    struct key_scope s = {BYTES_LIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), BYTES_LIT("20120215"),
                          BYTES_LIT("us-east-1"), BYTES_LIT("iam")};
    unsigned char key[32];
    char hex[64];
    signing_key_derive(&s, key);
    hex_encode(key, 32, hex);
    cr_assert_eq(memcmp(hex, "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d", 64), 0);
}

Test(key_cache, finds_only_the_very_same_scope)
{
    unsigned char in[32], out[32];
    struct key_scope s = scope_of("secret", "20130524", "us-east-1");
    memset(in, 7, sizeof(in));
    cr_assert_not(key_cache_get(&s, out));
    key_cache_put(&s, in);
    key_cache_put(&s, in);
    cr_assert_eq(key_cache_count(), 1);
    cr_assert(key_cache_get(&s, out));
    cr_assert_eq(memcmp(in, out, 32), 0);
    struct key_scope others[] = {
        scope_of("secreT", "20130524", "us-east-1"), scope_of("secret", "20130525", "us-east-1"),
        scope_of("secret", "20130524", "us-east-2"), scope_of("secret", "20130524", ""),
        scope_of("secre", "20130524", "us-east-1"),  scope_of("", "20130524", "us-east-1")};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_assert_not(key_cache_get(&others[i], out), "%zu", i);
    s.service = BYTES_LIT("sts");
    cr_assert_not(key_cache_get(&s, out));
    key_cache_wipe();
    cr_assert_eq(key_cache_count(), 0);
}

Test(key_cache, is_bounded_and_keeps_what_is_used)
{
    unsigned char key[32] = {1}, out[32];
    char text[32];
    struct key_scope hot = scope_of("hot", "20130524", "r");
    key_cache_put(&hot, key);
    for (int i = 0; i < 16 * KEY_CACHE_SETS * KEY_CACHE_WAYS; i++) {
        snprintf(text, sizeof(text), "secret-%d", i);
        struct key_scope s = scope_of(text, "20130524", "r");
        key_cache_put(&s, key);
        cr_assert(key_cache_get(&hot, out));
    }
    cr_assert_eq(key_cache_count(), KEY_CACHE_SETS * KEY_CACHE_WAYS);
}

Test(key_cache, nobody_has_a_stable_key_that_no_secret_finds)
{
    unsigned char a[32], b[32], c[32];
    signing_key_of_nobody(BYTES_LIT("20130524"), BYTES_LIT("r"), BYTES_LIT("s3"), a);
    signing_key_of_nobody(BYTES_LIT("20130524"), BYTES_LIT("r"), BYTES_LIT("s3"), b);
    signing_key_of_nobody(BYTES_LIT("20130525"), BYTES_LIT("r"), BYTES_LIT("s3"), c);
    cr_assert_eq(memcmp(a, b, 32), 0);
    cr_assert_neq(memcmp(a, c, 32), 0);
    cr_assert_eq(key_cache_count(), 0);
    struct key_scope empty = scope_of("", "20130525", "r");
    signing_key_derive(&empty, b);
    cr_assert_neq(memcmp(b, c, 32), 0);
}

static void *other_thread(void *arg)
{
    unsigned char key[32] = {0};
    struct key_scope *s = arg;
    bool found = key_cache_get(s, key);
    key_cache_put(s, key);
    return found ? arg : NULL;
}

Test(key_cache, threads_share_nothing)
{
    unsigned char key[32] = {1};
    struct key_scope s = scope_of("secret", "20130524", "us-east-1");
    key_cache_put(&s, key);
    for (int i = 0; i < 4; i++) {
        pthread_t t;
        void *found = &s;
        cr_assert_eq(pthread_create(&t, NULL, other_thread, &s), 0);
        pthread_join(t, &found);
        cr_assert_null(found);
    }
}

Test(key_cache, longest_names_and_beyond)
{
    char secret[AUTH_SECRET_MAX + 2], region[AUTH_REGION_MAX + 2];
    unsigned char key[32] = {1}, out[32];
    memset(secret, 's', sizeof(secret));
    memset(region, 'r', sizeof(region));
    struct key_scope s = {bytes_of(secret, AUTH_SECRET_MAX), BYTES_LIT("20130524"), bytes_of(region, AUTH_REGION_MAX),
                          BYTES_LIT("0123456789abcdef")};
    key_cache_put(&s, key);
    cr_assert(key_cache_get(&s, out));
    s.secret.n++;
    key_cache_put(&s, key);
    cr_assert_not(key_cache_get(&s, out));
    s.secret.n--;
    s.region.n++;
    key_cache_put(&s, key);
    cr_assert_not(key_cache_get(&s, out));
    cr_assert_eq(key_cache_count(), 1);
}
