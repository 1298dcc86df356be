/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master key's sources and its check; see include/master_key.h.
 *
 * The document "iam/check" is the text "pail", sealed: written at the first start, before anything else is sealed. As
 * long as it is not there, nothing was sealed, and pail.key may be made. A crash between the two leaves a key that
 * sealed nothing, and the next start takes it.
 * Threads: start-up only.
 */
#include "master_key.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

#define CHECK_KEY  BYTES_LIT("iam/check")
#define CHECK_TEXT BYTES_LIT("pail")

void master_key_take_environment(char out[MASTER_KEY_TEXT])
{
    char *value = getenv(MASTER_KEY_VARIABLE);
    memset(out, 0, MASTER_KEY_TEXT);
    if (!value)
        return;
    snprintf(out, MASTER_KEY_TEXT, "%s", value);
    OPENSSL_cleanse(value, strlen(value)); /* /proc/PID/environ shows this very memory */
    unsetenv(MASTER_KEY_VARIABLE);
}

static bool fail(char *error, const char *path, const char *why)
{
    snprintf(error, 512, "%.300s: %.200s", path, why);
    return false;
}

static void choose_source(const struct master_key_options *o, struct master_key *k)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (o->file && *o->file) {
        k->from = MASTER_KEY_FROM_SETTING;
        snprintf(k->path, sizeof k->path, "%s", o->file);
        return;
    }
    if (credentials && *credentials) {
        snprintf(k->path, sizeof k->path, "%.4000s/" MASTER_KEY_CREDENTIAL, credentials);
        k->from = MASTER_KEY_FROM_CREDENTIAL;
        if (access(k->path, F_OK) == 0)
            return; /* systemd gives a unit the folder for any credential of its own */
    }
    k->from = o->environment && *o->environment ? MASTER_KEY_FROM_ENVIRONMENT : MASTER_KEY_FROM_FOLDER;
    if (k->from == MASTER_KEY_FROM_ENVIRONMENT)
        snprintf(k->path, sizeof k->path, "%s", MASTER_KEY_VARIABLE);
    else
        snprintf(k->path, sizeof k->path, "%.4000s/" MASTER_KEY_FILE, o->data_dir);
}

static void explain(struct master_key *k, int rc, bool sealed)
{
    char text[192];
    struct stat st;
    unsigned mode = stat(k->path, &st) == 0 ? st.st_mode & 0777 : 0;
    switch (rc) {
    case CRYPT_NO_FILE:
        if (sealed)
            snprintf(text, sizeof text, "the master key is missing, and data is sealed with it; bring it back");
        else
            snprintf(text, sizeof text,
                     "there is no such master key; make one (openssl rand -hex 32 > FILE; chmod 600 FILE) or leave the "
                     "setting away");
        break;
    case CRYPT_EXPOSED:
        snprintf(text, sizeof text,
                 "the master key may be read or written by others (mode %04o); run: chmod 600 on that file", mode);
        break;
    case CRYPT_BAD_FILE:
        snprintf(text, sizeof text, "this is no master key: 64 hex digits, and nothing else, are wanted");
        break;
    default:
        snprintf(text, sizeof text, "%.150s", strerror(errno));
    }
    fail(k->problem, k->path, text);
}

static int load(const struct master_key_options *o, struct master_key *k, bool sealed)
{
    if (k->from == MASTER_KEY_FROM_ENVIRONMENT)
        return crypt_of_text(bytes_str(o->environment), &k->crypt);
    int rc = crypt_load(k->path, &k->crypt);
    if (rc != CRYPT_NO_FILE || k->from != MASTER_KEY_FROM_FOLDER || sealed || o->never_make)
        return rc;
    rc = crypt_create(k->path, &k->crypt);
    k->made = rc == CRYPT_OK;
    return rc;
}

static bool opens(const struct crypt *c, struct arena *a, struct bytes sealed)
{
    struct bytes text;
    return crypt_unseal(c, a, sealed, CHECK_KEY, &text) && bytes_eq(text, CHECK_TEXT);
}

/* `sealed`: the check's document; empty: nothing was sealed yet. */
static bool take(const struct master_key_options *o, struct master_key *k, struct arena *a, struct bytes sealed,
                 char *error)
{
    int rc = load(o, k, sealed.n > 0);
    if (rc != CRYPT_OK)
        explain(k, rc, sealed.n > 0);
    if (rc != CRYPT_OK && !sealed.n)
        return fail(error, "the master key", k->problem);
    if (rc != CRYPT_OK)
        return true;
    if (sealed.n) {
        if (opens(k->crypt, a, sealed))
            return true;
        crypt_close(&k->crypt);
        fail(k->problem, k->path, "what is sealed in this data folder was sealed with another master key");
        return true;
    }
    struct store_doc_change c = {
        .key = CHECK_KEY, .check = true, .put = true, .value = crypt_seal(k->crypt, a, CHECK_TEXT, CHECK_KEY)};
    rc = store_doc_apply(o->store, &c, 1);
    return rc == STORE_OK || fail(error, "the master key's check cannot be written", store_rc_name(rc));
}

bool master_key_open(const struct master_key_options *o, struct master_key *k, char error[512])
{
    struct arena *a = arena_create(0);
    struct bytes sealed = BYTES_NONE;
    char in_folder[MASTER_KEY_PATH];
    *k = (struct master_key){0};
    choose_source(o, k);
    int rc = store_doc_get(o->store, CHECK_KEY, a, &sealed);
    bool good = rc == STORE_OK || rc == STORE_NO_SUCH_SETTING ||
                fail(error, "the master key's check cannot be read", store_rc_name(rc));
    good = good && take(o, k, a, sealed, error);
    snprintf(in_folder, sizeof in_folder, "%.4000s/" MASTER_KEY_FILE, o->data_dir);
    k->left = k->from != MASTER_KEY_FROM_FOLDER && access(in_folder, F_OK) == 0;
    arena_free(a);
    if (!good)
        master_key_close(k);
    return good;
}

void master_key_close(struct master_key *k)
{
    crypt_close(&k->crypt);
}
