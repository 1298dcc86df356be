/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as a tree: one pass over the text, a node for each value. Invariant: every step looks at `left` first, so that a
 * text that breaks off is an error and never read over. Threads: pure functions.
 */
#include "server/json_tree.h"

#include <string.h>

#include "base/arena.h"

#define SURROGATES_HIGH 0xd800u
#define SURROGATES_LOW  0xdc00u
#define SURROGATES_END  0xe000u

struct reader {
    struct arena *arena;
    const char *at, *end;
    unsigned depth;
};

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

static char skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
    return r->at < r->end ? *r->at : '\0';
}

static bool take(struct reader *r, char c)
{
    if (skip_space(r) != c || r->at == r->end)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (left(r) < n || memcmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* ---- strings ---- */

/* Four hex digits. */
static bool take_code(struct reader *r, unsigned *ret)
{
    unsigned code = 0;
    if (left(r) < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *r->at++;
        if (c >= '0' && c <= '9')
            code = code << 4 | (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            code = code << 4 | (unsigned)((c | 0x20) - 'a' + 10);
        else
            return false;
    }
    *ret = code;
    return true;
}

static size_t put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Behind "\u". Halves of a pair that stand alone are refused, and NUL. */
static bool take_unicode(struct reader *r, char *to, size_t *n)
{
    unsigned code, low;
    if (!take_code(r, &code) || code == 0 || (code >= SURROGATES_LOW && code < SURROGATES_END))
        return false;
    if (code >= SURROGATES_HIGH && code < SURROGATES_LOW) {
        if (!take_word(r, "\\u") || !take_code(r, &low) || low < SURROGATES_LOW || low >= SURROGATES_END)
            return false;
        code = 0x10000 + ((code - SURROGATES_HIGH) << 10) + (low - SURROGATES_LOW);
    }
    *n += put_utf8(to + *n, code); /* never longer than its escape */
    return true;
}

static bool take_escape(struct reader *r, char *to, size_t *n)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return false;
    char c = *r->at++;
    if (c == 'u')
        return take_unicode(r, to, n);
    const char *found = c ? strchr(names, c) : NULL;
    if (found)
        to[(*n)++] = meanings[found - names];
    return found != NULL;
}

/* From the first backslash of a string to its end. */
static bool take_escaped(struct reader *r, const char *start, struct bytes *ret)
{
    const char *close = r->at;
    while (close < r->end && *close != '"')
        close += *close == '\\' && close + 1 < r->end ? 2 : 1;
    if (close >= r->end)
        return false;
    char *to = arena_alloc(r->arena, (size_t)(close - start));
    size_t n = (size_t)(r->at - start);
    memcpy(to, start, n);
    while (r->at < close) {
        char c = *r->at++;
        if ((unsigned char)c < 0x20 || (c == '\\' && !take_escape(r, to, &n)))
            return false;
        if (c != '\\')
            to[n++] = c;
    }
    if (r->at != close)
        return false;
    r->at++;
    *ret = bytes_of(to, n);
    return true;
}

static bool take_string(struct reader *r, struct bytes *ret)
{
    if (!take(r, '"'))
        return false;
    const char *start = r->at;
    while (r->at < r->end && *r->at != '"' && *r->at != '\\' && (unsigned char)*r->at >= 0x20)
        r->at++;
    if (r->at == r->end)
        return false;
    if (*r->at != '"')
        return *r->at == '\\' && take_escaped(r, start, ret);
    *ret = bytes_of(start, (size_t)(r->at++ - start));
    return true;
}

/* ---- the rest ---- */

static bool take_value(struct reader *, struct json_node *);

static bool take_number(struct reader *r, struct bytes *ret)
{
    const char *start = r->at;
    while (r->at < r->end && *r->at && strchr("+-.0123456789eE", *r->at))
        r->at++;
    *ret = bytes_of(start, (size_t)(r->at - start));
    return ret->n > 0;
}

static bool take_members(struct reader *r, struct json_node *to, char close)
{
    const struct json_node **link = &to->first;
    if (take(r, close))
        return true;
    do {
        struct json_node *one = arena_new(r->arena, struct json_node);
        if (close == '}' && (!take_string(r, &one->name) || !take(r, ':')))
            return false;
        if (!take_value(r, one))
            return false;
        *link = one;
        link = &one->next;
        to->n++;
    } while (take(r, ','));
    return take(r, close);
}

static bool take_value(struct reader *r, struct json_node *to)
{
    char c = skip_space(r);
    if (c == '"') {
        to->kind = NODE_STRING;
        return take_string(r, &to->text);
    }
    if (c == '{' || c == '[') {
        to->kind = c == '{' ? NODE_OBJECT : NODE_ARRAY;
        r->at++;
        bool good = ++r->depth <= JSON_TREE_DEPTH && take_members(r, to, c == '{' ? '}' : ']');
        r->depth--;
        return good;
    }
    if (c == 't' || c == 'f' || c == 'n') {
        to->kind = c == 't' ? NODE_TRUE : c == 'f' ? NODE_FALSE : NODE_NULL;
        return take_word(r, c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
    to->kind = NODE_NUMBER;
    return take_number(r, &to->text);
}

const struct json_node *json_tree_read(struct arena *arena, struct bytes text)
{
    struct reader r = {.arena = arena, .at = text.n ? text.p : "", .end = (text.n ? text.p : "") + text.n};
    struct json_node *root = arena_new(arena, struct json_node);
    if (!take_value(&r, root))
        return NULL;
    skip_space(&r);
    return r.at == r.end ? root : NULL;
}

/* ---- looking at it ---- */

const struct json_node *node_first(const struct json_node *j)
{
    return j ? j->first : NULL;
}

size_t node_count(const struct json_node *j)
{
    return j ? j->n : 0;
}

const struct json_node *node_get(const struct json_node *object, const char *name)
{
    size_t n = strlen(name);
    const struct json_node *found = object && object->kind == NODE_OBJECT ? object->first : NULL;
    while (found && !(found->name.n == n && memcmp(found->name.p, name, n) == 0))
        found = found->next;
    return found;
}

struct bytes node_text(const struct json_node *j)
{
    return j && j->kind == NODE_STRING ? j->text : BYTES_NONE;
}

struct bytes node_get_text(const struct json_node *object, const char *name)
{
    return node_text(node_get(object, name));
}

int64_t node_get_number(const struct json_node *object, const char *name)
{
    const struct json_node *j = node_get(object, name);
    bool minus = j && j->kind == NODE_NUMBER && j->text.n && j->text.p[0] == '-';
    uint64_t number = 0;
    if (!j || j->kind != NODE_NUMBER || !bytes_to_u64(bytes_cut(j->text, minus, j->text.n), INT64_MAX, &number))
        return 0;
    return minus ? -(int64_t)number : (int64_t)number;
}
