/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities on a store in memory, and calls of the query protocol without a connection: what unit tests and the fuzzer
 * of IAM's parameters need.
 */
#ifndef PAIL_TESTS_IAM_WORLD_H
#define PAIL_TESTS_IAM_WORLD_H

#include "base/arena.h"
#include "config.h"
#include "index.h"
#include "master_key.h"
#include "server/iam/identities.h"
#include "server/iam/records.h"

struct iam_world {
    struct index *index; /* the double */
    struct store *store;
    struct config config;
    struct master_key master_key;
    struct identities *ids;
    struct arena *arena; /* of what calls answer, until iam_world_close */
    char folder[64];     /* of the master key */
    int64_t now_ms;
};

struct iam_answer {
    int status;
    struct bytes body;
};

void iam_world_open(struct iam_world *);
void iam_world_close(struct iam_world *);
/* Ends identities and opens them again on the same data. False, with the line that says why: refused. */
bool iam_world_restart(struct iam_world *, char error[512]);
/* A form, as somebody who was authenticated; NULL: anonymous. */
struct iam_answer iam_call(struct iam_world *, const struct principal *who, struct bytes form);
/* The text of the first element of that name in the answer; empty: none. */
struct bytes iam_element(struct iam_world *, const struct iam_answer *, const char *name);
/* The principal of a key; NULL and how the look-up ended. */
const struct principal *iam_find(struct iam_world *, struct bytes access_key, struct bytes token,
                                 enum auth_lookup *ret);

#endif
