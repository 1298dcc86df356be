/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS. Idea: a set of contexts (one per folder with public.crt and private.key) is built whole and swapped in; a
 * connection keeps the context it began with, which OpenSSL counts.
 * Invariant: the set's first entry is the folder itself and serves clients without SNI or with an unknown name.
 * Threads: the current set is guarded by a rwlock, held for the lookup only.
 */
#include "server/tls.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/log.h"

#define CERTS_MAX 64 /* certificates of one server */

/* TLS 1.2: forward secrecy and authenticated ciphers only. TLS 1.3's are all fine. */
static const char ciphers_tls12[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";

struct tls_set {
    SSL_CTX *ctx[CERTS_MAX];
    X509 *cert[CERTS_MAX];
    size_t n;
    uint64_t stamp; /* of all files' sizes and times */
};

struct tls {
    pthread_rwlock_t lock;
    struct tls_set *set;
    char *dir;
};

static void set_free(struct tls_set *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        SSL_CTX_free(s->ctx[i]);
    free(s);
}

static SSL_CTX *find_context(struct tls *t, const char *name)
{
    SSL_CTX *found = NULL;
    pthread_rwlock_rdlock(&t->lock);
    for (size_t i = 0; i < t->set->n && !found; i++)
        if (X509_check_host(t->set->cert[i], name, 0, 0, NULL) == 1)
            found = t->set->ctx[i];
    if (found)
        SSL_CTX_up_ref(found);
    pthread_rwlock_unlock(&t->lock);
    return found;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *ctx = name ? find_context(arg, name) : NULL;
    if (ctx) {
        SSL_set_SSL_CTX(ssl, ctx);
        SSL_CTX_free(ctx); /* the connection holds its own reference */
    }
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *load_context(struct tls *t, const char *dir, char *error)
{
    char crt[4096], key[4096];
    snprintf(crt, sizeof crt, "%s/public.crt", dir);
    snprintf(key, sizeof key, "%s/private.key", dir);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    CHECK(ctx);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, ciphers_tls12);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY); /* one SSL_read works off one record, not as many as a client sends */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets serve TLS 1.3; nothing is kept here */
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, t);
    const char *what = NULL;
    if (SSL_CTX_use_certificate_chain_file(ctx, crt) != 1)
        what = crt;
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        what = key;
    else if (SSL_CTX_check_private_key(ctx) != 1)
        what = "the pair of certificate and key";
    if (!what)
        return ctx;
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(error, 512, "cannot load %.300s: %.150s", what, reason ? reason : "unknown reason");
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return NULL;
}

static uint64_t stamp_file(uint64_t stamp, const char *dir, const char *name)
{
    char path[4096];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (stat(path, &st) != 0)
        return stamp * 31;
    uint64_t parts[] = {(uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec, (uint64_t)st.st_size, st.st_ino};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        stamp = (stamp ^ parts[i]) * 0x9e3779b97f4a7c15u;
    return stamp;
}

/* Calls `each` for the folder and every sub-folder that holds a public.crt; stops at the first -1. */
static int each_folder(const char *dir, int (*each)(void *arg, const char *folder), void *arg)
{
    int rc = each(arg, dir);
    DIR *d = rc == 0 ? opendir(dir) : NULL;
    for (struct dirent *e; rc == 0 && d && (e = readdir(d));) {
        char sub[2048], crt[4096];
        struct stat st;
        snprintf(sub, sizeof sub, "%s/%s", dir, e->d_name);
        snprintf(crt, sizeof crt, "%s/public.crt", sub);
        if (e->d_name[0] != '.' && stat(crt, &st) == 0)
            rc = each(arg, sub);
    }
    if (d)
        closedir(d);
    return rc;
}

struct loading {
    struct tls *tls;
    struct tls_set *set;
    char *error;
};

static int stamp_folder(void *arg, const char *folder)
{
    uint64_t *stamp = arg;
    *stamp = stamp_file(stamp_file(*stamp, folder, "public.crt"), folder, "private.key");
    return 0;
}

static int load_folder(void *arg, const char *folder)
{
    struct loading *l = arg;
    if (l->set->n == CERTS_MAX) {
        snprintf(l->error, 512, "%s: more than %d certificates", folder, CERTS_MAX);
        return -1;
    }
    SSL_CTX *ctx = load_context(l->tls, folder, l->error);
    if (!ctx)
        return -1;
    l->set->ctx[l->set->n] = ctx;
    l->set->cert[l->set->n++] = SSL_CTX_get0_certificate(ctx);
    return 0;
}

static uint64_t stamp_now(const char *dir)
{
    uint64_t stamp = 1;
    each_folder(dir, stamp_folder, &stamp);
    return stamp;
}

static struct tls_set *load_set(struct tls *t, char *error)
{
    struct tls_set *s = xcalloc(1, sizeof *s);
    s->stamp = stamp_now(t->dir); /* before loading: a change in between is seen next time */
    struct loading l = {t, s, error};
    if (each_folder(t->dir, load_folder, &l) == 0)
        return s;
    set_free(s);
    return NULL;
}

struct tls *tls_open(const char *dir, char error[512])
{
    struct tls *t = xcalloc(1, sizeof *t);
    pthread_rwlock_init(&t->lock, NULL);
    t->dir = xstrdup(dir);
    t->set = load_set(t, error);
    if (!t->set)
        tls_free(&t);
    return t;
}

void tls_free(struct tls **tt)
{
    struct tls *t = *tt;
    if (!t)
        return;
    set_free(t->set);
    pthread_rwlock_destroy(&t->lock);
    free(t->dir);
    free(t);
    *tt = NULL;
}

SSL *tls_accept(struct tls *t, int fd)
{
    pthread_rwlock_rdlock(&t->lock);
    SSL *ssl = SSL_new(t->set->ctx[0]);
    pthread_rwlock_unlock(&t->lock);
    if (ssl)
        SSL_set_fd(ssl, fd);
    return ssl;
}

void tls_reload_if_changed(struct tls *t)
{
    uint64_t stamp = stamp_now(t->dir);
    if (stamp == t->set->stamp)
        return;
    char error[512];
    struct tls_set *fresh = load_set(t, error), *old;
    if (!fresh) {
        log_error("tls", "certificates changed but stay as they were: %s", error);
        t->set->stamp = stamp; /* tell once, try again when they change again */
        return;
    }
    pthread_rwlock_wrlock(&t->lock);
    old = t->set;
    t->set = fresh;
    pthread_rwlock_unlock(&t->lock);
    set_free(old);
    log_info("tls", "certificates reloaded: %zu", fresh->n);
}
