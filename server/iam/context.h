/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition keys of one request with their values: what `Condition` elements and policy variables look at.
 *
 * Whoever builds a request sets what it knows, from values that the server itself has decoded and uses (never from a
 * header that merely has a key's name), in the spelling that AWS gives them:
 *   dates 2026-01-02T03:04:05Z, numbers decimal, booleans true and false, addresses as inet_ntop writes them.
 * A key that is not set is absent, which conditions tell from the empty value.
 *
 * Ownership: values are borrowed and must live as long as the context; its own memory is in the arena. Threads: one.
 */
#ifndef PAIL_SERVER_IAM_CONTEXT_H
#define PAIL_SERVER_IAM_CONTEXT_H

#include "base/bytes.h"

struct arena;

enum iam_key_id {
#define IAM_KEY(id, name, type, group) IAM_KEY_##id,
#include "server/iam/keys.def"
#undef IAM_KEY
    IAM_KEY_UNKNOWN, /* told apart by name: identity policies take any */
    IAM_KEYS
};

enum iam_key_type {
    IAM_TYPE_STRING,
    IAM_TYPE_NUMERIC,
    IAM_TYPE_DATE,
    IAM_TYPE_BOOL,
    IAM_TYPE_IP,
    IAM_TYPE_ARN,
    IAM_TYPE_LIST,
    IAM_TYPE_TAG,
    IAM_TYPE_OBJECT_TAG,
};

/* Groups of keys by the S3 actions that they go with. */
enum iam_key_group {
    IAM_GROUP_OTHER = 0,
    IAM_GROUP_GLOBAL = 1 << 0,
    IAM_GROUP_S3 = 1 << 1,
    IAM_GROUP_LISTING = 1 << 2,
    IAM_GROUP_CREATION = 1 << 3,
    IAM_GROUP_ACL = 1 << 4,
    IAM_GROUP_WRITING = 1 << 5,
    IAM_GROUP_STORAGE_CLASS = 1 << 6,
    IAM_GROUP_ENCRYPTION = 1 << 7,
    IAM_GROUP_CUSTOMER_KEY = 1 << 8,
    IAM_GROUP_REQUEST_TAGS = 1 << 9,
    IAM_GROUP_EXISTING_TAGS = 1 << 10,
    IAM_GROUP_VERSION = 1 << 11,
    IAM_GROUP_RETENTION = 1 << 12,
    IAM_GROUP_LEGAL_HOLD = 1 << 13,
    IAM_GROUP_IF_MATCH = 1 << 14,
    IAM_GROUP_IF_NONE_MATCH = 1 << 15,
    IAM_GROUP_INVENTORY = 1 << 16,
};

/* A key as a policy or a request names it. */
struct iam_key {
    enum iam_key_id id;
    struct bytes tail; /* a family: the tag's key; UNKNOWN: the whole name, in lower case; otherwise empty */
};

struct iam_fact {
    struct iam_fact *next; /* of the same id: other tags, other unknown names */
    struct bytes tail;
    const struct bytes *values;
    size_t n;
    const void *subject; /* condition.c's: its only value as it was last compared; NULL: not yet */
};

struct iam_context {
    struct arena *arena;
    struct iam_fact *facts[IAM_KEYS];
};

#define IAM_MAX_KEY_NAME 512 /* bytes of a condition key's name */

/* The key of this name; false for the empty name, one too long, and a family without a tail. */
bool iam_key_of(struct arena *, struct bytes name, struct iam_key *ret);
enum iam_key_type iam_key_type(enum iam_key_id);
enum iam_key_group iam_key_group(enum iam_key_id);
const char *iam_key_name(enum iam_key_id); /* "" for UNKNOWN */

void iam_context_init(struct iam_context *, struct arena *);
/* The one value of a key that is no family. Setting again replaces. */
void iam_context_set(struct iam_context *, enum iam_key_id, struct bytes value);
/* The values of a key of many; the array is borrowed. None: the key counts as absent. */
void iam_context_set_list(struct iam_context *, enum iam_key_id, const struct bytes *values, size_t n);
/* One of a family: iam_context_set_tag(c, IAM_KEY_AWS_PRINCIPAL_TAG, "team", "blue"). */
void iam_context_set_tag(struct iam_context *, enum iam_key_id, struct bytes tag, struct bytes value);
/* A key by its name, known or not (simulators, claims of tokens). False: no name of a key. */
bool iam_context_set_named(struct iam_context *, struct bytes name, const struct bytes *values, size_t n);
/* NULL: absent. */
struct iam_fact *iam_context_find(const struct iam_context *, const struct iam_key *);

#endif
