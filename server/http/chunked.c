/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies: a state machine over framing bytes, one at a time; data bytes are handed on in whole runs.
 *
 * Strictness (each has been a way to smuggle requests): only CR LF ends a line, extensions hold no control characters,
 * sizes can't overflow, data is followed by exactly CR LF.
 *
 * Cost: a client could wrap each byte of data in a line of extensions and make us parse hundreds of bytes per byte of
 * body. Per chunk, 16 bytes of framing plus twice its data are free; what goes beyond adds up, and above
 * CHUNKED_MAX_OVERHEAD the body is refused.
 *
 * Threads: pure; any.
 */
#include "server/http/chunked.h"

#include <string.h>

enum state {
    SIZE,      /* hex digits */
    EXTENSION, /* from ';' to CR */
    SIZE_LF,   /* the LF of the size line */
    DATA,      /* `left` bytes */
    DATA_CR,   /* CR LF behind them */
    DATA_LF,
    TRAILER_FIRST, /* first byte of a trailer line, or the CR of the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF, /* the LF of the empty line */
    END,
    FAILED,
};

#define FREE_FRAMING 16

void chunked_init(struct chunked *c)
{
    memset(c, 0, sizeof(*c));
    c->state = SIZE;
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool is_token(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !memchr("\"(),/:;<=>?@[\\]{}", c, 17);
}

static enum chunked_event step_size(struct chunked *c, unsigned char b)
{
    int digit = hex_value(b);
    if (digit >= 0) {
        if (++c->taken > CHUNKED_MAX_SIZE_DIGITS)
            return CHUNKED_BAD_SIZE;
        c->left = c->left << 4 | (unsigned)digit; /* 16 digits fit */
        return c->left > INT64_MAX ? CHUNKED_BAD_SIZE : CHUNKED_MORE;
    }
    if (c->taken == 0)
        return CHUNKED_BAD_SIZE;
    c->taken = 0;
    if (b == '\r')
        c->state = SIZE_LF;
    else if (b == ';')
        c->state = EXTENSION;
    else
        return b == '\n' ? CHUNKED_BAD_LINE_END : CHUNKED_BAD_SIZE;
    return CHUNKED_MORE;
}

static enum chunked_event step_extension(struct chunked *c, unsigned char b)
{
    if (b == '\r') {
        c->state = SIZE_LF;
        return CHUNKED_MORE;
    }
    if (b == '\n')
        return CHUNKED_BAD_LINE_END;
    /* The ';' that led here is the first of the counted bytes. */
    return is_text(b) && ++c->taken < CHUNKED_MAX_EXTENSION ? CHUNKED_MORE : CHUNKED_BAD_EXTENSION;
}

static enum chunked_event end_of_size(struct chunked *c)
{
    uint64_t free = c->left < CHUNKED_MAX_OVERHEAD ? 2 * c->left : 2 * CHUNKED_MAX_OVERHEAD;
    c->overhead -= FREE_FRAMING + (int64_t)free;
    if (c->overhead < 0)
        c->overhead = 0;
    c->taken = 0;
    c->state = c->left ? DATA : TRAILER_FIRST;
    return c->overhead > CHUNKED_MAX_OVERHEAD ? CHUNKED_TOO_COSTLY : CHUNKED_MORE;
}

static enum chunked_event step_trailer(struct chunked *c, unsigned char b)
{
    if (c->state == TRAILER_FIRST && b == '\r') {
        c->state = END_LF;
        return CHUNKED_MORE;
    }
    if (b == '\n')
        return CHUNKED_BAD_LINE_END;
    if (c->state == TRAILER_VALUE) {
        if (b == '\r')
            c->state = TRAILER_LF;
        else if (!is_text(b))
            return CHUNKED_BAD_TRAILER;
        return CHUNKED_MORE;
    }
    if (c->state == TRAILER_NAME && b == ':')
        c->state = TRAILER_VALUE;
    else if (is_token(b))
        c->state = TRAILER_NAME;
    else
        return CHUNKED_BAD_TRAILER;
    return CHUNKED_MORE;
}

/* A byte that must be `want`, then `next`. */
static enum chunked_event step_exact(struct chunked *c, unsigned char b, char want, enum state next)
{
    c->state = next;
    return b == (unsigned char)want ? CHUNKED_MORE : CHUNKED_BAD_LINE_END;
}

/* One byte of framing. CHUNKED_MORE: go on. */
static enum chunked_event step(struct chunked *c, unsigned char b)
{
    c->overhead++;
    switch ((enum state)c->state) {
    case SIZE:
        return step_size(c, b);
    case EXTENSION:
        return step_extension(c, b);
    case SIZE_LF:
        return b == '\n' ? end_of_size(c) : CHUNKED_BAD_LINE_END;
    case DATA_CR:
        return step_exact(c, b, '\r', DATA_LF);
    case DATA_LF:
        return step_exact(c, b, '\n', SIZE);
    case TRAILER_FIRST:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        if (++c->trailer_bytes > CHUNKED_MAX_TRAILERS)
            return CHUNKED_BAD_TRAILER;
        return step_trailer(c, b);
    case TRAILER_LF:
        return step_exact(c, b, '\n', TRAILER_FIRST);
    case END_LF:
        return step_exact(c, b, '\n', END);
    case DATA:
    case END:
    case FAILED:
        break;
    }
    return CHUNKED_BAD_LINE_END;
}

static enum chunked_event take_data(struct chunked *c, struct bytes *in, struct bytes *ret_data)
{
    size_t n = in->n < c->left ? in->n : (size_t)c->left;
    *ret_data = bytes_of(in->p, n);
    *in = bytes_of(in->p + n, in->n - n);
    c->left -= n;
    if (c->left == 0)
        c->state = DATA_CR;
    return CHUNKED_DATA;
}

enum chunked_event chunked_next(struct chunked *c, struct bytes *in, struct bytes *ret_data)
{
    if (c->state == FAILED)
        return (enum chunked_event)c->failure;
    while (c->state != END) {
        if (in->n == 0)
            return CHUNKED_MORE;
        if (c->state == DATA)
            return take_data(c, in, ret_data);
        enum chunked_event e = step(c, (unsigned char)in->p[0]);
        in->p++;
        in->n--;
        if (e != CHUNKED_MORE) {
            c->state = FAILED;
            c->failure = (uint8_t)e;
            return e;
        }
    }
    return CHUNKED_END;
}

const char *chunked_text(enum chunked_event failure)
{
    switch (failure) {
    case CHUNKED_MORE:
    case CHUNKED_DATA:
    case CHUNKED_END:
        return "";
    case CHUNKED_BAD_SIZE:
        return "A chunk size is malformed.";
    case CHUNKED_BAD_LINE_END:
        return "Chunk lines and chunk data must end with CR LF.";
    case CHUNKED_BAD_EXTENSION:
        return "A chunk extension is malformed or too long.";
    case CHUNKED_BAD_TRAILER:
        return "A trailer line is malformed, or the trailers are too long.";
    case CHUNKED_TOO_COSTLY:
        return "The chunks are too small for their framing.";
    }
    return "";
}
