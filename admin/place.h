/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server, bucket or folder a command means, and with which keys: read by one reader for all commands, from flags,
 * the environment, ~/.aws/credentials and mc's aliases. Everything lives in the caller's arena. Threads: the first one.
 */
#ifndef PAIL_ADMIN_PLACE_H
#define PAIL_ADMIN_PLACE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"

#define PLACE_ENDPOINT "http://127.0.0.1:9000"
#define PLACE_REGION   "us-east-1"

struct place {
    const char *folder; /* or, when NULL: */
    const char *endpoint, *region, *bucket, *ca_file;
    const char *prefix;                          /* "" or ends with a slash */
    const char *access_key, *secret_key, *token; /* NULL: requests are not signed */
};
struct place_flags {
    const char *endpoint, *region, *access_key, *secret_key, *token, *profile, *ca_file; /* NULL: not given */
};
/*
 * What `text` names. `own`: the side where a Pail is meant: a bare name is a bucket, and the keys are those of its root
 * unless others are given. False: a line in error. Everything lives in the arena.
 */
bool place_read(const char *text, const struct place_flags *, bool own, struct arena *, struct place *ret,
                char error[256]);
/* For people: where it is. */
const char *place_text(const struct place *, struct arena *);
/* The value of `key` in `section` of an INI file's text, or an empty one. Pure. */
struct bytes place_ini_value(struct bytes text, const char *section, const char *key);

#endif
