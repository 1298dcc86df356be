/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The accounts of one server: made, listed and deleted by the running server for its first account's root, and by the
 * command line in a data folder that no server holds. Both answer the same JSON.
 *
 * An account has a 12-digit id, a canonical id of 64 hex digits, a unique name, perhaps a unique e-mail address, and
 * its root's access key, which is unique on the server. The secret key is told once, by accounts_create. The first
 * account is always there: its root's keys are settings of the server, and it cannot be deleted.
 *
 * Ownership: texts of answers lie in the arena. Threads: workers, or a process of its own; changes wait for each other.
 */
#ifndef PAIL_ACCOUNTS_H
#define PAIL_ACCOUNTS_H

#include "base/arena.h"
#include "base/bytes.h"

struct config;
struct identities;
struct store;

#define ACCOUNTS_MAX            1000 /* of a server */
#define ACCOUNT_NAME_MAX        64   /* letters, digits, . _ - */
#define ACCOUNT_EMAIL_MAX       254
#define ACCOUNT_KEY_MIN         3
#define ACCOUNT_KEY_MAX         128
#define ACCOUNT_SECRET_MIN      8
#define ACCOUNT_SECRET_MAX      128
#define ACCOUNT_BODY_MAX        (16u * 1024) /* bytes of a JSON document that asks for one */
#define ACCOUNTS_PATH           "/pail/v1/accounts"
#define ACCOUNTS_TOLD_OF_A_KIND 3 /* names of what stands in the way of a deletion */

/* Opens the identities of a folder's store without a server. NULL: one clear line in ret_error. */
struct identities *accounts_open(struct store *, const struct config *, const char *data_dir, char ret_error[512]);
void accounts_close(struct identities **); /* accepts NULL inside */

enum accounts_rc {
    ACCOUNTS_OK,
    ACCOUNTS_INVALID, /* what was asked for is not well-formed */
    ACCOUNTS_EXISTS,  /* name, e-mail or access key are taken */
    ACCOUNTS_ABSENT,
    ACCOUNTS_IN_USE, /* it still has buckets or users, or is the first one */
    ACCOUNTS_LIMIT,
    ACCOUNTS_TROUBLE, /* the store: *ret_store_rc of the call */
};

struct accounts_answer {
    enum accounts_rc rc;
    int store_rc;      /* with TROUBLE: enum store_rc */
    struct bytes text; /* JSON; otherwise one line that says what is wrong. NUL behind it */
};

struct account_wish {
    struct bytes name, email;            /* email empty: none */
    struct bytes access_key, secret_key; /* both empty: they are made */
};

/* {"id", "canonicalId", "name", "email", "created", "accessKey", "secretKey"}: wipe it when it was shown. */
struct accounts_answer accounts_create(struct identities *, const struct account_wish *, struct arena *);
/* The same of a JSON object {"name", "email", "accessKey", "secretKey"}. */
struct accounts_answer accounts_create_of_json(struct identities *, struct bytes json, struct arena *);
/* {"accounts": [{"id", "canonicalId", "name", "email", "created", "accessKey"}, ...]} in order of ids. */
struct accounts_answer accounts_list(struct identities *, struct arena *);
/* One of them, by id or name. */
struct accounts_answer accounts_get(struct identities *, struct bytes id_or_name, struct arena *);
/* {"id", "name"} of what is gone, with its keys. */
struct accounts_answer accounts_delete(struct identities *, struct bytes id_or_name, struct arena *);

/*
 * Is the account still there? Asked by whoever has just made something in it outside of accounts' lock (a bucket):
 * after false, what was made is to be undone. [worker]
 */
bool accounts_keeps(struct identities *, struct bytes id);

#endif
