/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed secrets: what opens and what does not; the key's file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt.h"

static const unsigned char key_a[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789abcdef";
static const unsigned char key_b[CRYPT_KEY_SIZE] = "0123456789abcdef0123456789abcdeF";

Test(crypt, opens_what_it_sealed_and_nothing_else)
{
    struct arena *a = arena_create(0);
    struct crypt *c = crypt_of_key(key_a), *other = crypt_of_key(key_b);
    struct bytes out, text = BYTES_LIT("wJalrXUtnFEMI/K7MDENG"), where = BYTES_LIT("AKIA1");
    struct bytes one = crypt_seal(c, a, text, where), two = crypt_seal(c, a, text, where);
    cr_assert_eq(one.n, text.n + CRYPT_OVERHEAD);
    cr_assert(!bytes_eq(one, two), "a nonce of its own for each");
    cr_assert(crypt_unseal(c, a, one, where, &out) && bytes_eq(out, text)); /* rules: a test's own */
    cr_assert(!crypt_unseal(c, a, one, BYTES_LIT("AKIA2"), &out), "it belongs to another");
    cr_assert(!crypt_unseal(other, a, one, where, &out), "another key");
    for (size_t i = 0; i < one.n; i++) {
        char *bent = (char *)bytes_dup(a, one).p;
        bent[i] ^= 1;
        cr_assert(!crypt_unseal(c, a, bytes_of(bent, one.n), where, &out), "byte %zu", i);
        cr_assert(!crypt_unseal(c, a, bytes_of(one.p, i), where, &out), "cut at %zu", i);
    }
    struct bytes none = crypt_seal(c, a, BYTES_NONE, BYTES_NONE);
    cr_assert(crypt_unseal(c, a, none, BYTES_NONE, &out) && out.n == 0);
    crypt_close(&c);
    crypt_close(&c);
    crypt_close(&other);
    arena_free(a);
}

Test(crypt, a_key_file_is_made_once_and_read_again)
{
    char folder[] = "/tmp/pail-crypt-XXXXXX", path[64];
    struct arena *a = arena_create(0);
    struct crypt *c = NULL, *again = NULL;
    struct stat st;
    struct bytes out;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pail.key", folder);
    cr_assert_eq(crypt_load(path, &c), CRYPT_NO_FILE);
    cr_assert_eq(crypt_create(path, &c), CRYPT_OK);
    cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    cr_assert_eq(crypt_create(path, &again), CRYPT_UNREADABLE, "never over another");
    cr_assert_eq(errno, EEXIST);
    cr_assert_eq(crypt_load(path, &again), CRYPT_OK);
    cr_assert(crypt_unseal(again, a, crypt_seal(c, a, BYTES_LIT("x"), BYTES_NONE), BYTES_NONE, &out));
    crypt_close(&again);
    chmod(path, 0644);
    cr_assert_eq(crypt_load(path, &again), CRYPT_EXPOSED, "everybody may read it");
    chmod(path, 0600);
    cr_assert_eq(truncate(path, 63), 0);
    cr_assert_eq(crypt_load(path, &again), CRYPT_BAD_FILE, "too short");
    crypt_close(&c);
    unlink(path);
    rmdir(folder);
    arena_free(a);
}
