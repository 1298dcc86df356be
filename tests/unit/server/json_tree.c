/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own JSON read as the JSON library reads it; and bytes that are no JSON. */
#include "server/json_tree.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

static bool same(const struct json_node *n, const json_t *j)
{
    const char *name;
    json_t *value;
    const struct json_node *child = n->first;
    switch (json_typeof(j)) {
    case JSON_STRING:
        return n->kind == NODE_STRING && bytes_eq(n->text, bytes_of(json_string_value(j), json_string_length(j)));
    case JSON_INTEGER:
        return n->kind == NODE_NUMBER && strtoll(n->text.p, NULL, 10) == json_integer_value(j);
    case JSON_REAL:
        return n->kind == NODE_NUMBER && n->text.n > 1;
    case JSON_TRUE:
        return n->kind == NODE_TRUE;
    case JSON_FALSE:
        return n->kind == NODE_FALSE;
    case JSON_NULL:
        return n->kind == NODE_NULL;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(j); i++, child = child->next)
            if (!child || !same(child, json_array_get(j, i)))
                return false;
        return n->kind == NODE_ARRAY && !child && n->n == json_array_size(j);
    default:
        json_object_foreach((json_t *)j, name, value)
        {
            if (!child || !bytes_eq_str(child->name, name) || !same(child, value))
                return false;
            child = child->next;
        }
        return n->kind == NODE_OBJECT && !child && n->n == json_object_size(j);
    }
}

static const char *const documents[] = {
    "{}",
    "[]",
    " [ ] ",
    "\"\"",
    "true",
    "[null, false,true , -0, 17, 1.5e3, 9223372036854775807]",
    "{\"a\":{\"b\":[{\"c\":[[],[[]]]}]},\"\":\"empty name\"}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "{\"\\u0041\\u00e9\\u20ac\":\"\\ud83d\\ude00 and \\\\u0041\"}",
    "[\"a\\\\\", \"\\\\\", \"\\\\\\\"\", \"x\\u007fy\"]",
    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}",
    "{\"name\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}\n",
};

Test(json_tree, reads_what_the_library_reads)
{
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        json_t *j = json_loads(documents[i], JSON_DECODE_ANY, NULL);
        const struct json_node *n = json_tree_read(a, bytes_str(documents[i]));
        cr_assert(j && n, "%s", documents[i]);
        cr_expect(same(n, j), "%s", documents[i]);
        json_decref(j);
    }
    arena_free(a);
}

/* Each in memory of its very size, so that a sanitizer sees a byte too far. */
static const struct json_node *read_exactly(struct arena *a, const char *text, size_t n)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, text, n);
    const struct json_node *ret = json_tree_read(a, bytes_of(copy, n));
    free(copy);
    return ret;
}

Test(json_tree, what_breaks_off_is_refused)
{
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        for (size_t n = 0; n < strlen(documents[i]); n++) {
            json_t *j = json_loadb(documents[i], n, JSON_DECODE_ANY, NULL);
            cr_expect_eq(read_exactly(a, documents[i], n) != NULL, j != NULL, "%.*s", (int)n, documents[i]);
            json_decref(j);
        }
    arena_free(a);
}

Test(json_tree, what_the_library_takes_is_read_the_same_with_any_byte_changed)
{
    static const char other[] = "\"\\{}[]:,u0d8eaf9-. \n\x01\x7f";
    struct arena *a = arena_create(0);
    char text[256];
    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        for (size_t at = 0; documents[i][at]; at++)
            for (size_t k = 0; other[k]; k++) {
                size_t n = strlen(documents[i]);
                memcpy(text, documents[i], n + 1);
                text[at] = other[k];
                json_t *j = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
                const struct json_node *tree = json_tree_read(a, bytes_of(text, n));
                cr_expect(!j || (tree && same(tree, j)), "%s", text);
                json_decref(j);
                arena_reset(a);
            }
    arena_free(a);
}

Test(json_tree, refused)
{
    static const char *const bad[] = {"",       "{",         "[1,]",        "{\"a\":}",    "{\"a\"}",
                                      "{a:1}",  "[1 2]",     "nul",         "\"\\x\"",     "\"\\u12\"",
                                      "\"\n\"", "1 1",       "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\\ud800\"",
                                      "\"\\",   "{\"a\":1,}"};
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_null(read_exactly(a, bad[i], strlen(bad[i])), "%s", bad[i]);
    char deep[2 * JSON_TREE_DEPTH + 3];
    for (size_t levels = JSON_TREE_DEPTH; levels <= JSON_TREE_DEPTH + 1; levels++) {
        memset(deep, '[', levels);
        memset(deep + levels, ']', levels);
        cr_expect_eq(json_tree_read(a, bytes_of(deep, 2 * levels)) != NULL, levels == JSON_TREE_DEPTH);
    }
    arena_free(a);
}

Test(json_tree, members_and_what_is_absent)
{
    struct arena *a = arena_create(0);
    const struct json_node *n =
        json_tree_read(a, BYTES_LIT("{\"id\":\"x\",\"gen\":-12,\"list\":[\"a\",\"b\"],\"huge\":99999999999999999999}"));
    cr_assert(bytes_eq_str(node_get_text(n, "id"), "x"));
    cr_assert_eq(node_get_number(n, "gen"), -12);
    cr_assert_eq(node_get_number(n, "huge"), 0);
    cr_assert_eq(node_get_number(n, "id"), 0);
    cr_assert_eq(node_count(node_get(n, "list")), 2);
    cr_assert(bytes_eq_str(node_text(node_first(node_get(n, "list"))->next), "b"));
    cr_assert_null(node_get(n, "i"));
    cr_assert_null(node_get(node_get(n, "list"), "id"));
    cr_assert_eq(node_get_text(NULL, "id").n, 0);
    cr_assert_eq(node_count(node_get(n, "none")), 0);
    arena_free(a);
}
