/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master key and what is sealed with it; see include/crypt.h for the format.
 *
 * Invariants: a nonce is never used twice with one key (96 random bits each time); nothing is handed out before its tag
 * was verified; the key leaves this file nowhere.
 * Threads: a key is constant once it is there; contexts of OpenSSL are each call's own.
 */
#include "crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rand.h"

#define VERSION    1
#define NONCE_SIZE 12
#define TAG_SIZE   16
#define FILE_MAX   80 /* bytes of a key file */

struct crypt {
    unsigned char key[CRYPT_KEY_SIZE];
};

struct crypt *crypt_of_key(const unsigned char key[CRYPT_KEY_SIZE])
{
    struct crypt *c = xmalloc(sizeof *c);
    memcpy(c->key, key, CRYPT_KEY_SIZE);
    return c;
}

void crypt_close(struct crypt **pc)
{
    if (*pc)
        OPENSSL_cleanse((*pc)->key, CRYPT_KEY_SIZE);
    free(*pc);
    *pc = NULL;
}

/* ---- the file ---- */

static int take_text(char *text, size_t n, struct crypt **ret)
{
    unsigned char key[CRYPT_KEY_SIZE];
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
        n--;
    bool good = hex_decode(bytes_of(text, n), key, sizeof key);
    if (good)
        *ret = crypt_of_key(key);
    OPENSSL_cleanse(key, sizeof key);
    return good ? CRYPT_OK : CRYPT_BAD_FILE;
}

int crypt_load(const char *path, struct crypt **ret)
{
    char text[FILE_MAX];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? CRYPT_NO_FILE : CRYPT_UNREADABLE;
    int rc =
        fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & (S_IWGRP | S_IRWXO)) ? CRYPT_OK : CRYPT_BAD_FILE;
    ssize_t n = rc == CRYPT_OK ? read(fd, text, sizeof text) : 0;
    if (n < 0)
        rc = CRYPT_UNREADABLE;
    int why = errno;
    close(fd);
    if (rc == CRYPT_OK)
        rc = take_text(text, (size_t)n, ret);
    OPENSSL_cleanse(text, sizeof text);
    errno = why;
    return rc;
}

static bool sync_folder_of(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Written under another name and linked, so that a crash leaves a whole key or none. */
static bool write_new(const char *path, const char *text, size_t n)
{
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, n) == (ssize_t)n && fsync(fd) == 0;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    good = good && link(temporary, path) == 0;
    int why = errno;
    unlink(temporary);
    good = good && sync_folder_of(path);
    errno = why;
    return good;
}

int crypt_create(const char *path, struct crypt **ret)
{
    unsigned char key[CRYPT_KEY_SIZE];
    char text[2 * CRYPT_KEY_SIZE + 1];
    rand_bytes(key, sizeof key);
    hex_encode(key, sizeof key, text);
    text[sizeof text - 1] = '\n';
    bool good = write_new(path, text, sizeof text);
    if (good)
        *ret = crypt_of_key(key);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(text, sizeof text);
    return good ? CRYPT_OK : CRYPT_UNREADABLE;
}

/* ---- sealing ---- */

static EVP_CIPHER_CTX *begin(const struct crypt *c, const unsigned char *nonce, struct bytes belongs_to, int encrypt)
{
    static const unsigned char version = VERSION;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    CHECK(ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, c->key, nonce, encrypt) == 1);
    CHECK(EVP_CipherUpdate(ctx, NULL, &n, &version, 1) == 1);
    if (belongs_to.n)
        CHECK(EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)belongs_to.p, (int)belongs_to.n) == 1);
    return ctx;
}

struct bytes crypt_seal(const struct crypt *c, struct arena *a, struct bytes secret, struct bytes belongs_to)
{
    unsigned char *out = arena_alloc(a, secret.n + CRYPT_OVERHEAD), *nonce = out + 1, *text = nonce + NONCE_SIZE;
    int n = 0, last = 0;
    out[0] = VERSION;
    rand_bytes(nonce, NONCE_SIZE);
    EVP_CIPHER_CTX *ctx = begin(c, nonce, belongs_to, 1);
    if (secret.n)
        CHECK(EVP_EncryptUpdate(ctx, text, &n, (const unsigned char *)secret.p, (int)secret.n) == 1);
    CHECK(EVP_EncryptFinal_ex(ctx, text + n, &last) == 1 && (size_t)(n + last) == secret.n);
    CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, text + secret.n) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return bytes_of(out, secret.n + CRYPT_OVERHEAD);
}

bool crypt_unseal(const struct crypt *c, struct arena *a, struct bytes sealed, struct bytes belongs_to,
                  struct bytes *ret)
{
    if (sealed.n < CRYPT_OVERHEAD || (unsigned char)sealed.p[0] != VERSION)
        return false;
    const unsigned char *nonce = (const unsigned char *)sealed.p + 1, *text = nonce + NONCE_SIZE;
    size_t size = sealed.n - CRYPT_OVERHEAD;
    unsigned char tag[TAG_SIZE], *out = arena_alloc(a, size + 1);
    int n = 0, last = 0;
    memcpy(tag, text + size, TAG_SIZE);
    EVP_CIPHER_CTX *ctx = begin(c, nonce, belongs_to, 0);
    bool good = (!size || EVP_DecryptUpdate(ctx, out, &n, text, (int)size) == 1) &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
                EVP_DecryptFinal_ex(ctx, out + n, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!good) {
        OPENSSL_cleanse(out, size);
        return false;
    }
    *ret = bytes_of(out, size);
    return true;
}
