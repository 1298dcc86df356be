/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Glob matching without blow-up. A pattern is cut into segments at its stars: the first is compared with the start of
 * the text, the last with its end, and each one between is searched for from where the one before it ended; taking the
 * earliest place is always right, so nothing is ever tried twice.
 *
 * Searching a literal segment is memmem, which is linear. A segment with `?` is searched by a bit-parallel automaton
 * (shift-and), one bit for each of its tokens, so that it too takes time in proportion to the text. `?` takes one
 * character: a byte with the UTF-8 continuation bytes behind it.
 * Threads: pure functions.
 */
#include "server/iam/wildcard.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"

/* Tokens of a segment that the automaton takes: an S3 key has no more bytes. Longer ones are compared place by place.
 */
#define WILD_MAX_TOKENS 1024
#define WORD_BITS       64
/* Texts so short are searched place by place: memmem's tables cost more than that. */
#define WILD_SHORT_TEXT 256

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* --- compiling ------------------------------------------------------------------------------------------------- */

struct compiler {
    struct arena *arena;
    unsigned flags;
    wild_name_f *name;
    struct wild_piece *pieces;
    size_t n;
    char *literal; /* where the next literal byte goes; literals of one pattern lie side by side */
    bool variables;
};

static void add_literal(struct compiler *c, char byte)
{
    struct wild_piece *last = c->n ? &c->pieces[c->n - 1] : NULL;
    if (!last || last->kind != WILD_LITERAL) {
        last = &c->pieces[c->n++];
        *last = (struct wild_piece){.kind = WILD_LITERAL, .text = bytes_of(c->literal, 0)};
    }
    *c->literal++ = c->flags & WILD_FOLD ? fold(byte) : byte;
    last->text.n++;
}

static void add_wildcard(struct compiler *c, enum wild_kind kind)
{
    struct wild_piece *last = c->n ? &c->pieces[c->n - 1] : NULL;
    if (last && last->kind == kind)
        last->text.n += kind == WILD_ONE;
    else
        c->pieces[c->n++] = (struct wild_piece){.kind = kind, .text = {NULL, kind == WILD_ONE}};
}

/* The inside of ${...}: a character meant literally, or a name, and perhaps a quoted default. */
static bool add_variable(struct compiler *c, struct bytes inside)
{
    if (inside.n == 1 && (inside.p[0] == '*' || inside.p[0] == '?' || inside.p[0] == '$')) {
        add_literal(c, inside.p[0]);
        return true;
    }
    struct wild_piece piece = {.kind = WILD_VARIABLE};
    ptrdiff_t comma = bytes_find_char(inside, ',', 0);
    if (comma >= 0) {
        struct bytes quoted = bytes_trim(bytes_cut(inside, (size_t)comma + 1, inside.n));
        if (quoted.n < 2 || quoted.p[0] != '\'' || quoted.p[quoted.n - 1] != '\'')
            return false;
        piece.text = bytes_dup(c->arena, bytes_cut(quoted, 1, quoted.n - 2));
        piece.has_default = true;
        inside = bytes_cut(inside, 0, (size_t)comma);
    }
    inside = bytes_trim(inside);
    piece.variable = inside.n ? c->name(c->arena, inside) : NULL;
    if (!piece.variable)
        return false;
    c->pieces[c->n++] = piece;
    c->variables = true;
    return true;
}

/* Where the variable at text[i], "${", closes: the first } outside of quotes; 0 when it does not. */
static size_t variable_end(struct bytes text, size_t i)
{
    bool quoted = false;
    for (i += 2; i < text.n; i++) {
        if (text.p[i] == '\'')
            quoted = !quoted;
        else if (text.p[i] == '}' && !quoted)
            return i;
    }
    return 0;
}

static bool at_variable(struct bytes text, size_t i, unsigned flags)
{
    return (flags & WILD_VARIABLES) && text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{';
}

/* A bound for the pieces of this text. */
static size_t count_pieces(struct bytes text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '*' || text.p[i] == '?' || text.p[i] == '$' ? 2 : 0;
    return n;
}

bool wild_compile(struct arena *arena, struct bytes text, unsigned flags, wild_name_f *name, struct wild *ret)
{
    struct compiler c = {.arena = arena, .flags = flags, .name = name};
    c.pieces = arena_new_array(arena, struct wild_piece, count_pieces(text));
    c.literal = arena_alloc(arena, text.n);
    for (size_t i = 0; i < text.n; i++) {
        if (at_variable(text, i, flags)) {
            size_t end = variable_end(text, i);
            if (!end || !add_variable(&c, bytes_cut(text, i + 2, end - i - 2)))
                return false;
            i = end;
        } else if ((flags & WILD_WILDCARDS) && text.p[i] == '*') {
            add_wildcard(&c, WILD_ANY);
        } else if ((flags & WILD_WILDCARDS) && text.p[i] == '?') {
            add_wildcard(&c, WILD_ONE);
        } else {
            add_literal(&c, text.p[i]);
        }
    }
    *ret = (struct wild){c.pieces, c.n, c.variables};
    return true;
}

/* --- binding --------------------------------------------------------------------------------------------------- */

static bool piece_value(const struct wild_piece *p, wild_value_f *value, const void *ctx, struct bytes *ret)
{
    *ret = p->text;
    if (p->kind == WILD_LITERAL)
        return true;
    return value(ctx, p->variable, ret) || p->has_default;
}

bool wild_bind(struct arena *arena, const struct wild *w, wild_value_f *value, const void *ctx, struct wild *ret)
{
    if (!w->variables) {
        *ret = *w;
        return true;
    }
    size_t bytes = 0;
    struct bytes text;
    for (size_t i = 0; i < w->n; i++) {
        const struct wild_piece *p = &w->pieces[i];
        if (p->kind != WILD_LITERAL && p->kind != WILD_VARIABLE)
            continue;
        if (!piece_value(p, value, ctx, &text))
            return false;
        bytes += text.n;
    }
    struct wild_piece *pieces = arena_alloc(arena, w->n * sizeof *pieces);
    char *at = arena_alloc(arena, bytes);
    size_t n = 0;
    /* Neighbours are joined, so that a search sees one literal. */
    for (size_t i = 0; i < w->n; i++) {
        const struct wild_piece *p = &w->pieces[i];
        if (p->kind != WILD_LITERAL && p->kind != WILD_VARIABLE) {
            pieces[n++] = *p;
            continue;
        }
        if (!piece_value(p, value, ctx, &text))
            return false;
        if (!text.n)
            continue;
        memcpy(at, text.p, text.n);
        if (n && pieces[n - 1].kind == WILD_LITERAL)
            pieces[n - 1].text.n += text.n;
        else
            pieces[n++] = (struct wild_piece){.kind = WILD_LITERAL, .text = bytes_of(at, text.n)};
        at += text.n;
    }
    *ret = (struct wild){pieces, n, false};
    return true;
}

/* --- matching -------------------------------------------------------------------------------------------------- */

static bool skip_characters(struct bytes t, size_t *pos, size_t count)
{
    size_t i = *pos;
    for (; count; count--) {
        if (i >= t.n)
            return false;
        i++;
        while (i < t.n && is_continuation(t.p[i]))
            i++;
    }
    *pos = i;
    return true;
}

/* Do these pieces (no star among them) match at *pos? Then *pos moves behind them. */
static bool segment_at(const struct wild_piece *p, size_t n, struct bytes t, size_t *pos)
{
    size_t at = *pos;
    for (; n; n--, p++) {
        if (p->kind == WILD_ONE) {
            if (!skip_characters(t, &at, p->text.n))
                return false;
        } else {
            if (t.n - at < p->text.n || memcmp(t.p + at, p->text.p, p->text.n) != 0)
                return false;
            at += p->text.n;
        }
    }
    *pos = at;
    return true;
}

/* The same backwards: do they end at the text's end, starting at `from` or later? */
static bool segment_ends(const struct wild_piece *p, size_t n, struct bytes t, size_t from)
{
    size_t end = t.n;
    while (n--) {
        if (p[n].kind == WILD_LITERAL) {
            size_t len = p[n].text.n;
            if (end - from < len || memcmp(t.p + end - len, p[n].text.p, len) != 0)
                return false;
            end -= len;
            continue;
        }
        for (size_t count = p[n].text.n; count; count--) {
            if (end == from)
                return false;
            end--;
            while (end > from && is_continuation(t.p[end]))
                end--;
        }
    }
    return true;
}

static bool search_each_place(const struct wild_piece *p, size_t n, struct bytes t, size_t *pos)
{
    for (size_t start = *pos; start <= t.n; start++) {
        size_t at = start;
        if ((start == *pos || start == t.n || !is_continuation(t.p[start])) && segment_at(p, n, t, &at)) {
            *pos = at;
            return true;
        }
    }
    return false;
}

/*
 * Shift-and: bit i of `state` is set when the tokens 0 to i match the text that ends here. A token is a byte of a
 * literal or one `?`; a `?` starts at a byte that begins a character and stays during that character's other bytes.
 */
struct automaton {
    uint64_t accepts[256 * (WILD_MAX_TOKENS / WORD_BITS)]; /* [byte][word] */
    uint64_t one[WILD_MAX_TOKENS / WORD_BITS];
    uint64_t state[WILD_MAX_TOKENS / WORD_BITS];
    size_t words, tokens;
};

static void automaton_init(struct automaton *a, const struct wild_piece *p, size_t n, size_t tokens)
{
    a->tokens = tokens;
    a->words = (tokens + WORD_BITS - 1) / WORD_BITS;
    memset(a->accepts, 0, 256 * a->words * sizeof a->accepts[0]);
    memset(a->one, 0, sizeof a->one);
    memset(a->state, 0, sizeof a->state);
    size_t bit = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < p[i].text.n; k++, bit++) {
            uint64_t mask = (uint64_t)1 << (bit % WORD_BITS);
            if (p[i].kind == WILD_ONE)
                a->one[bit / WORD_BITS] |= mask;
            else
                a->accepts[(unsigned char)p[i].text.p[k] * a->words + bit / WORD_BITS] |= mask;
        }
    }
}

static bool automaton_step(struct automaton *a, char byte, bool first)
{
    bool inside = is_continuation(byte) && !first;
    uint64_t carry = 1;
    const uint64_t *accepts = &a->accepts[(unsigned char)byte * a->words];
    for (size_t w = 0; w < a->words; w++) {
        uint64_t old = a->state[w], moved = old << 1 | carry;
        carry = old >> (WORD_BITS - 1);
        a->state[w] = inside ? (moved & accepts[w]) | (old & a->one[w]) : moved & (accepts[w] | a->one[w]);
    }
    size_t last = a->tokens - 1;
    return a->state[last / WORD_BITS] >> (last % WORD_BITS) & 1;
}

static bool search_automaton(const struct wild_piece *p, size_t n, struct bytes t, size_t *pos, size_t tokens)
{
    struct automaton a;
    automaton_init(&a, p, n, tokens);
    for (size_t i = *pos; i < t.n; i++) {
        bool whole = i + 1 == t.n || !is_continuation(t.p[i + 1]) || p[n - 1].kind == WILD_LITERAL;
        if (automaton_step(&a, t.p[i], i == *pos) && whole) {
            *pos = i + 1;
            return true;
        }
    }
    return false;
}

static const char *find_literal(struct bytes t, size_t from, struct bytes literal)
{
    const char *p = t.p + from, *end = t.p + t.n;
    if (t.n - from > WILD_SHORT_TEXT)
        return memmem(p, t.n - from, literal.p, literal.n);
    for (; (size_t)(end - p) >= literal.n; p++) {
        p = memchr(p, literal.p[0], (size_t)(end - p) - literal.n + 1);
        if (!p || memcmp(p, literal.p, literal.n) == 0)
            return p;
    }
    return NULL;
}

/* Moves *pos behind the first place at or after it where the segment matches. */
static bool segment_search(const struct wild_piece *p, size_t n, struct bytes t, size_t *pos)
{
    if (n == 1 && p->kind == WILD_LITERAL) {
        const char *found = find_literal(t, *pos, p->text);
        if (found)
            *pos = (size_t)(found - t.p) + p->text.n;
        return found != NULL;
    }
    if (n == 1)
        return skip_characters(t, pos, p->text.n);
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        tokens += p[i].text.n;
    if (tokens > t.n - *pos)
        return false; /* every token takes a byte at least */
    return tokens <= WILD_MAX_TOKENS ? search_automaton(p, n, t, pos, tokens) : search_each_place(p, n, t, pos);
}

static size_t segment_length(const struct wild_piece *p, size_t n)
{
    size_t len = 0;
    while (len < n && p[len].kind != WILD_ANY)
        len++;
    return len;
}

bool wild_match(const struct wild *w, struct bytes t)
{
    const struct wild_piece *p = w->pieces, *end = p + w->n;
    CHECK(!w->variables);
    if (w->n && p->kind == WILD_LITERAL && (t.n < p->text.n || t.p[0] != p->text.p[0]))
        return false; /* most patterns differ at once */
    size_t pos = 0, len = segment_length(p, w->n);
    if (!t.p)
        t.p = "";
    if (!segment_at(p, len, t, &pos))
        return false;
    p += len;
    if (p == end)
        return pos == t.n;
    for (p++; p < end; p += len + 1) { /* p is behind a star */
        len = segment_length(p, (size_t)(end - p));
        if (p + len == end)
            return segment_ends(p, len, t, pos);
        if (!segment_search(p, len, t, &pos))
            return false;
    }
    return true;
}

bool wild_differs(const struct wild *w, wild_value_f *value, const void *ctx, struct bytes text)
{
    struct bytes part;
    for (size_t i = 0; i < w->n; i++) {
        const struct wild_piece *p = &w->pieces[i];
        if (p->kind == WILD_ANY || p->kind == WILD_ONE || !piece_value(p, value, ctx, &part))
            return false;
        if (!bytes_starts(text, part))
            return true;
        text = bytes_cut(text, part.n, text.n);
    }
    return text.n > 0;
}

bool wild_may_start(const struct wild *w, struct bytes prefix)
{
    size_t pos = 0;
    for (size_t i = 0; i < w->n && pos < prefix.n; i++) {
        const struct wild_piece *p = &w->pieces[i];
        if (p->kind == WILD_ANY || p->kind == WILD_VARIABLE)
            return true;
        if (p->kind == WILD_ONE) {
            if (!skip_characters(prefix, &pos, p->text.n))
                return true;
            continue;
        }
        size_t n = p->text.n < prefix.n - pos ? p->text.n : prefix.n - pos;
        if (memcmp(p->text.p, prefix.p + pos, n) != 0)
            return false;
        pos += n;
    }
    return pos >= prefix.n;
}

bool wild_may_match(struct arena *arena, const struct wild *w, struct bytes text)
{
    struct wild open = {.n = w->n};
    struct wild_piece *pieces = arena_alloc(arena, w->n * sizeof *pieces);
    for (size_t i = 0; i < w->n; i++) {
        pieces[i] = w->pieces[i];
        if (pieces[i].kind == WILD_VARIABLE)
            pieces[i].kind = WILD_ANY;
    }
    open.pieces = pieces;
    return wild_match(&open, text);
}

bool wild_is_literal(const struct wild *w)
{
    return w->n == 0 || (w->n == 1 && w->pieces[0].kind == WILD_LITERAL);
}

struct bytes wild_literal(const struct wild *w)
{
    return w->n ? w->pieces[0].text : BYTES_NONE;
}

/* --- ARNs ------------------------------------------------------------------------------------------------------- */

bool arn_split(struct bytes text, struct arn *ret)
{
    size_t from = 0;
    for (int i = 0; i < ARN_PARTS - 1; i++) {
        ptrdiff_t colon = bytes_find_char(text, ':', from);
        if (colon < 0)
            return false;
        ret->part[i] = bytes_cut(text, from, (size_t)colon - from);
        from = (size_t)colon + 1;
    }
    ret->part[ARN_RESOURCE] = bytes_cut(text, from, text.n);
    ret->head = bytes_cut(text, 0, from - 1);
    return true;
}

/* As arn_split, but a colon inside of a variable separates nothing. */
static bool split_pattern(struct bytes text, unsigned flags, struct arn *ret)
{
    size_t from = 0;
    int part = 0;
    for (size_t i = 0; i < text.n && part < ARN_PARTS - 1; i++) {
        if (at_variable(text, i, flags)) {
            size_t end = variable_end(text, i);
            if (!end)
                return false;
            i = end;
        } else if (text.p[i] == ':') {
            ret->part[part++] = bytes_cut(text, from, i - from);
            from = i + 1;
        }
    }
    ret->part[ARN_RESOURCE] = bytes_cut(text, from, text.n);
    return part == ARN_PARTS - 1;
}

/* From the compiled parts, in which ${*} is a star already. */
static struct bytes joined_head(struct arena *arena, const struct arn_pattern *p)
{
    size_t n = ARN_RESOURCE - 1, at = 0;
    for (int i = 0; i < ARN_RESOURCE; i++)
        n += wild_literal(&p->part[i]).n;
    char *head = arena_alloc(arena, n);
    for (int i = 0; i < ARN_RESOURCE; i++) {
        struct bytes part = wild_literal(&p->part[i]);
        if (i)
            head[at++] = ':';
        if (part.n)
            memcpy(head + at, part.p, part.n);
        at += part.n;
    }
    return bytes_of(head, n);
}

bool arn_compile(struct arena *arena, struct bytes text, unsigned flags, wild_name_f *name, struct arn_pattern *ret)
{
    struct arn parts;
    *ret = (struct arn_pattern){.any = (flags & WILD_WILDCARDS) && bytes_eq_str(text, "*")};
    if (ret->any)
        return true;
    if (!split_pattern(text, flags, &parts))
        return false;
    ret->literal_head = true;
    for (int i = 0; i < ARN_PARTS; i++) {
        if (!wild_compile(arena, parts.part[i], flags, name, &ret->part[i]))
            return false;
        if (i < ARN_RESOURCE && !wild_is_literal(&ret->part[i]))
            ret->literal_head = false;
    }
    if (ret->literal_head)
        ret->head = joined_head(arena, ret);
    return true;
}

bool arn_has_variables(const struct arn_pattern *p)
{
    for (int i = 0; i < ARN_PARTS; i++)
        if (p->part[i].variables)
            return true;
    return false;
}

bool arn_bind(struct arena *arena, const struct arn_pattern *p, wild_value_f *value, const void *ctx,
              struct arn_pattern *ret)
{
    *ret = *p;
    for (int i = 0; i < ARN_PARTS; i++)
        if (p->part[i].variables && !wild_bind(arena, &p->part[i], value, ctx, &ret->part[i]))
            return false;
    return true;
}

bool arn_never_matches(const struct arn_pattern *p, const struct arn *arn)
{
    const struct wild *resource = &p->part[ARN_RESOURCE];
    if (p->any)
        return false;
    if (!arn || (p->literal_head && !bytes_eq(p->head, arn->head)))
        return true;
    return resource->n && resource->pieces[0].kind == WILD_LITERAL &&
           !bytes_starts(arn->part[ARN_RESOURCE], resource->pieces[0].text);
}

bool arn_match(const struct arn_pattern *p, const struct arn *arn)
{
    if (p->any)
        return true;
    if (!arn)
        return false;
    /* The resource first: it tells most patterns apart. */
    if (!wild_match(&p->part[ARN_RESOURCE], arn->part[ARN_RESOURCE]))
        return false;
    if (p->literal_head)
        return bytes_eq(p->head, arn->head);
    for (int i = 0; i < ARN_RESOURCE; i++)
        if (!wild_match(&p->part[i], arn->part[i]))
            return false;
    return true;
}
