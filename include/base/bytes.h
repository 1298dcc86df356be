/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct bytes: a borrowed run of bytes with its length, and struct buf: an owned, growing buffer with a ceiling.
 *
 * Ownership: struct bytes never owns; whoever made the memory (an arena, a buf, a literal) says how long it lives.
 * A bytes may hold NUL and need not end with one. The empty value is {NULL, 0}; `p` may be NULL only when n is 0.
 * Threads: plain values; no locking anywhere here.
 */
#ifndef PAIL_BASE_BYTES_H
#define PAIL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

struct arena;

struct bytes {
    const char *p;
    size_t n;
};

#define BYTES_LIT(s) ((struct bytes){(s), sizeof(s) - 1})
#define BYTES_NONE   ((struct bytes){NULL, 0})

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){p, n};
}

struct bytes bytes_str(const char *cstr); /* NULL gives the empty value */
bool bytes_eq(struct bytes a, struct bytes b);
bool bytes_eq_str(struct bytes a, const char *cstr);
bool bytes_eq_nocase(struct bytes a, struct bytes b); /* ASCII only */
bool bytes_eq_str_nocase(struct bytes a, const char *cstr);
int bytes_cmp(struct bytes a, struct bytes b); /* as memcmp; a proper prefix sorts first */
bool bytes_starts(struct bytes a, struct bytes prefix);
bool bytes_starts_str_nocase(struct bytes a, const char *prefix);
bool bytes_ends(struct bytes a, struct bytes suffix);
/* Position of the first `c` at or after `from`, or -1. */
ptrdiff_t bytes_find_char(struct bytes a, char c, size_t from);
/* Position of the first `needle` at or after `from`, or -1. An empty needle is never found. */
ptrdiff_t bytes_find(struct bytes a, struct bytes needle, size_t from);
/* The part [from, from + n), clipped to what there is. */
struct bytes bytes_cut(struct bytes a, size_t from, size_t n);
struct bytes bytes_trim(struct bytes a); /* leading and trailing SP and HTAB */
struct bytes bytes_dup(struct arena *arena, struct bytes a);
/* NUL-terminated copy in the arena. */
char *bytes_cstr(struct arena *arena, struct bytes a);
/* Decimal digits only (no sign, no space, no leading +), the whole of it, at most `max`. False leaves *ret alone. */
bool bytes_to_u64(struct bytes a, uint64_t max, uint64_t *ret);
/* Decimal, no NUL. Returns how many digits, at most U64_TEXT. */
#define U64_TEXT 20
size_t u64_text(uint64_t v, char out[U64_TEXT]);
/* Lower-case hex of `in`; `out` takes 2 * n bytes, not terminated. */
void hex_encode(const void *in, size_t n, char *out);
/* Exactly 2 * n hex digits of either case into n bytes. */
bool hex_decode(struct bytes in, void *out, size_t n);
/* Standard base64 with padding. `out` takes base64_len(n) bytes, not terminated. */
size_t base64_len(size_t n);
void base64_encode(const void *in, size_t n, char *out);
/* Strict: padding required, no white space, no stray bits. At most `cap` bytes; -1 when it is not base64 or too long.
 */
ptrdiff_t base64_decode(struct bytes in, void *out, size_t cap);
/* URL-safe alphabet, no padding (RFC 4648, 5): for tokens. */
size_t base64url_len(size_t n);
void base64url_encode(const void *in, size_t n, char *out);
ptrdiff_t base64url_decode(struct bytes in, void *out, size_t cap);
/* Valid UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(struct bytes a);

/*
 * A growing buffer. It never grows beyond `max` bytes: the append that would cross it does nothing, sets `failed`, and
 * so does every later one; check `failed` once at the end. buf_fini wipes nothing; use OPENSSL_cleanse for secrets.
 */
struct buf {
    char *p;
    size_t n, cap, max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* empty, not failed; keeps the memory */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_bytes(struct buf *b, struct bytes s);
void buf_put_str(struct buf *b, const char *cstr);
void buf_put_char(struct buf *b, char c);
void buf_put_u64(struct buf *b, uint64_t v); /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes at b->p + b->n, or NULL (then failed); add to b->n what you wrote. */
char *buf_reserve(struct buf *b, size_t n);
static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->p, b->n};
}

#endif
