/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of tags: what S3 lets in, and the form that they have in the header x-amz-tagging. Objects, buckets, uploads and
 * the filters of lifecycle rules have the same rules.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
 *
 * A set is an array of struct store_header (name and value) in the order given; names differ, in every case.
 * Threads: pure functions. Results live in the arena or point into the input.
 */
#ifndef PAIL_SERVER_API_TAG_SET_H
#define PAIL_SERVER_API_TAG_SET_H

#include "base/arena.h"
#include "store.h"

#define TAGS_OBJECT_MAX 10
#define TAGS_BUCKET_MAX 50
#define TAG_KEY_MAX     128 /* characters */
#define TAG_VALUE_MAX   256 /* characters; may be empty */

enum tag_fault {
    TAGS_OK = 0,
    TAGS_TOO_MANY,
    TAGS_REPEATED,   /* two of the same name */
    TAGS_RESERVED,   /* names that begin with aws: */
    TAGS_BAD_KEY,    /* empty, or a character that tags cannot have */
    TAGS_BAD_VALUE,  /* the same of a value */
    TAGS_LONG_KEY,   /* in characters */
    TAGS_LONG_VALUE, /* in characters */
    TAGS_BAD_HEADER, /* no URL-encoded UTF-8 */
};

/* The first thing that is wrong with the set; *ret_at (may be NULL) is then which tag it is. */
enum tag_fault tag_set_check(const struct store_header *tags, size_t n, size_t max, size_t *ret_at);

/*
 * `k=v&k2=v2`, URL-encoded, '+' is a space; `k` alone has the empty value, empty pieces are left out. Only the form is
 * judged here (TAGS_BAD_HEADER, and TAGS_TOO_MANY where there are more than any set can have): check the set
 * afterwards.
 */
enum tag_fault tag_set_parse(struct arena *, struct bytes header, struct store_header **ret, size_t *ret_n);

#endif
