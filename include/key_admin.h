/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator asks about keys, with answers in JSON: the same for the running server (/pail/v1/keys) and for
 * `pail key` in a data folder that no server holds.
 *
 * Ownership: texts of answers lie in the arena. Threads: workers, or a process of its own.
 */
#ifndef PAIL_KEY_ADMIN_H
#define PAIL_KEY_ADMIN_H

#include "keyring.h"

struct master_key;

#define KEYS_PATH     "/pail/v1/keys"
#define KEYS_BODY_MAX 4096 /* bytes of a JSON document that asks for a key */

struct keys_admin {
    struct keyring *keyring;
    const struct master_key *master;   /* as it was opened */
    const struct key_service *service; /* NULL: the master key seals */
};

struct keys_answer {
    int rc;            /* enum keyring_rc */
    struct bytes text; /* JSON; otherwise one line that says what is wrong. NUL behind it */
};

/*
 * A key: {"name", "versions", "current", "disabled", "available", "created", "rotated": times, "resealing",
 * "resealed"}.
 * {"masterKey": {"available", "from", "place", "problem"}, "keyService": name or null, "keys": [...]} in order of
 * names.
 */
struct keys_answer keys_list(const struct keys_admin *, struct arena *);
struct keys_answer keys_get(const struct keys_admin *, struct bytes name, struct arena *);
/* These answer the key as it is then. */
struct keys_answer keys_create(const struct keys_admin *, struct bytes name, struct arena *);
struct keys_answer keys_create_of_json(const struct keys_admin *, struct bytes json, struct arena *); /* {"name"} */
struct keys_answer keys_rotate(const struct keys_admin *, struct bytes name, struct arena *);
struct keys_answer keys_set_disabled(const struct keys_admin *, struct bytes name, bool disabled, struct arena *);
/* {"name"} of what is gone. Looks at all objects. */
struct keys_answer keys_delete(const struct keys_admin *, struct bytes name, struct arena *);

#endif
