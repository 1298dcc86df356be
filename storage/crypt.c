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
#include <sys/statvfs.h>
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

int crypt_of_text(struct bytes text, struct crypt **ret)
{
    unsigned char key[CRYPT_KEY_SIZE];
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r' || text.p[text.n - 1] == ' '))
        text.n--;
    bool good = hex_decode(text, key, sizeof key);
    if (good)
        *ret = crypt_of_key(key);
    OPENSSL_cleanse(key, sizeof key);
    return good ? CRYPT_OK : CRYPT_BAD_FILE;
}

/* Nobody but owner and group reads it, nobody but the owner writes it; see include/master_key.h for read-only mounts.
 */
static bool is_private(int fd, const struct stat *st)
{
    struct statvfs fs;
    return !(st->st_mode & (S_IWGRP | S_IRWXO)) || (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

static int read_key(int fd, struct crypt **ret)
{
    char text[FILE_MAX];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return CRYPT_UNREADABLE;
    if (!S_ISREG(st.st_mode))
        return CRYPT_BAD_FILE;
    if (!is_private(fd, &st))
        return CRYPT_EXPOSED;
    ssize_t n = read(fd, text, sizeof text);
    int rc = n < 0 ? CRYPT_UNREADABLE : crypt_of_text(bytes_of(text, (size_t)n), ret);
    OPENSSL_cleanse(text, sizeof text);
    return rc;
}

int crypt_load(const char *path, struct crypt **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe in its place must not stop the start */
    if (fd < 0)
        return errno == ENOENT ? CRYPT_NO_FILE : CRYPT_UNREADABLE;
    int rc = read_key(fd, ret), why = errno;
    close(fd);
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

int crypt_write(const struct crypt *c, const char *path)
{
    char text[2 * CRYPT_KEY_SIZE + 1];
    hex_encode(c->key, sizeof c->key, text);
    text[sizeof text - 1] = '\n';
    bool good = write_new(path, text, sizeof text);
    OPENSSL_cleanse(text, sizeof text);
    return good ? CRYPT_OK : CRYPT_UNREADABLE;
}

int crypt_create(const char *path, struct crypt **ret)
{
    unsigned char key[CRYPT_KEY_SIZE];
    rand_bytes(key, sizeof key);
    struct crypt *c = crypt_of_key(key);
    OPENSSL_cleanse(key, sizeof key);
    int rc = crypt_write(c, path);
    if (rc == CRYPT_OK)
        *ret = c;
    else
        crypt_close(&c); /* leaves errno */
    return rc;
}

bool crypt_same(const struct crypt *a, const struct crypt *b)
{
    return CRYPTO_memcmp(a->key, b->key, CRYPT_KEY_SIZE) == 0;
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
