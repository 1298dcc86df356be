/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON that is known to be good: what the server wrote itself, and what the JSON library has judged before. A
 * tree in an arena costs a tenth of the library's, and the path of each request reads several.
 *
 * Whatever the bytes, reading ends and stays within them; but it judges less than the library does: no key that comes
 * twice is refused, nor a text that is no UTF-8, nor a number out of range. Strangers' documents go through json_read
 * first. Names and texts without escapes lie in the text that was read, the rest in the arena.
 * Threads: pure functions.
 */
#ifndef PAIL_SERVER_JSON_TREE_H
#define PAIL_SERVER_JSON_TREE_H

#include <stdint.h>

#include "base/bytes.h"

struct arena;

#define JSON_TREE_DEPTH 32 /* deeper ones are refused */

enum json_node_kind { NODE_NULL, NODE_FALSE, NODE_TRUE, NODE_NUMBER, NODE_STRING, NODE_ARRAY, NODE_OBJECT };

struct json_node {
    enum json_node_kind kind;
    struct bytes name;             /* of a member of an object */
    struct bytes text;             /* of a string; a number as it was written */
    const struct json_node *first; /* items or members, in the order of the text */
    const struct json_node *next;  /* beside it */
    size_t n;                      /* items or members */
};

/* NULL: it is no JSON. */
const struct json_node *json_tree_read(struct arena *, struct bytes text);

/* All of these take NULL, and what is of another kind, for an empty one. */
const struct json_node *node_get(const struct json_node *object, const char *name); /* NULL: it has none */
const struct json_node *node_first(const struct json_node *);                       /* of an array or object */
size_t node_count(const struct json_node *);
struct bytes node_text(const struct json_node *); /* of a string */
struct bytes node_get_text(const struct json_node *object, const char *name);
int64_t node_get_number(const struct json_node *object, const char *name); /* whole ones */

#endif
