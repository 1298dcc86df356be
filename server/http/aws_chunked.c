/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aws-chunked framing: a small state machine. Lines (chunk headers, trailers) are gathered in a fixed buffer, since
 * they may arrive in pieces and are short; data runs are passed on where they lie.
 *
 * What clients do beyond the documentation, and is accepted behind the final chunk only:
 *  - a trailer line ends in LF alone; then a CR LF may follow that belongs to it (minio-go sends
 *    "name:value\n\r\nx-amz-trailer-signature:...\r\n\r\n"), so one empty line after such a line does not end the body;
 *  - the last CR LF of the body is missing.
 *
 * Threads: pure; any.
 */
#include "server/http/aws_chunked.h"

#include <string.h>

enum state {
    HEADER, /* in a chunk header line */
    DATA,   /* `left` bytes */
    DATA_CR,
    DATA_LF,
    TRAILER, /* in a line behind the final chunk */
    END,
    FAILED,
};

#define MAX_SIZE_DIGITS 16

static const struct bytes signature_mark = {";chunk-signature=", sizeof(";chunk-signature=") - 1};

enum s3_error aws_chunked_error(enum aws_chunked_event e)
{
    static const enum s3_error errors[] = {
#define X(symbol, error, text) [symbol] = (error),
        AWS_CHUNKED_MAP(X)
#undef X
    };
    return errors[e];
}

const char *aws_chunked_text(enum aws_chunked_event e)
{
    static const char *const texts[] = {
#define X(symbol, error, text) [symbol] = (text),
        AWS_CHUNKED_MAP(X)
#undef X
    };
    return texts[e];
}

void aws_chunked_init(struct aws_chunked *c, unsigned mode, uint64_t decoded_length)
{
    memset(c, 0, offsetof(struct aws_chunked, line));
    c->mode = (uint8_t)mode;
    c->expect = decoded_length;
    c->state = HEADER;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_signature(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (hex_value(s.p[i]) < 0)
            return false;
    return s.n == AWS_CHUNKED_SIGNATURE;
}

/* `<hex size>[;chunk-signature=<hex>]`, whole. */
static enum aws_chunked_event on_header(struct aws_chunked *c, struct bytes line, struct aws_chunked_item *ret)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line.n && hex_value(line.p[i]) >= 0; i++) {
        if (i == MAX_SIZE_DIGITS)
            return AWS_CHUNKED_BAD_HEADER;
        size = size << 4 | (unsigned)hex_value(line.p[i]);
    }
    if (i == 0 || size > INT64_MAX)
        return AWS_CHUNKED_BAD_HEADER;
    struct bytes rest = bytes_cut(line, i, line.n);
    struct bytes signature = BYTES_LIT("");
    if (c->mode & AWS_CHUNKED_SIGNED) {
        signature = bytes_cut(rest, signature_mark.n, rest.n);
        if (!bytes_starts(rest, signature_mark) || !is_signature(signature))
            return AWS_CHUNKED_NO_SIGNATURE;
    } else if (rest.n) {
        return AWS_CHUNKED_BAD_HEADER;
    }

    bool counted = c->expect != AWS_CHUNKED_ANY_LENGTH;
    if (counted && (size ? size > c->expect : c->expect != 0))
        return AWS_CHUNKED_BAD_LENGTH;
    if (size && c->small)
        return AWS_CHUNKED_SMALL_CHUNK;
    if (counted)
        c->expect -= size;
    c->small = (c->mode & AWS_CHUNKED_SIGNED) && size < AWS_CHUNKED_MIN_CHUNK;
    c->left = size;
    c->state = size ? DATA : TRAILER;
    ret->size = size;
    ret->signature = signature;
    return size ? AWS_CHUNKED_BEGIN : AWS_CHUNKED_FINAL;
}

static bool is_token(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !memchr("\"(),/:;<=>?@[\\]{}", c, 17);
}

static bool is_text(unsigned char c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* Cuts "name: value" in c->line, lower-casing the name in place. */
static bool split_trailer(struct aws_chunked *c, size_t n, struct bytes *ret_name, struct bytes *ret_value)
{
    size_t colon = 0;
    for (; colon < n && is_token((unsigned char)c->line[colon]); colon++)
        if (c->line[colon] >= 'A' && c->line[colon] <= 'Z')
            c->line[colon] |= 0x20;
    if (colon == 0 || colon == n || c->line[colon] != ':')
        return false;
    for (size_t i = colon + 1; i < n; i++)
        if (!is_text((unsigned char)c->line[i]))
            return false;
    *ret_name = bytes_of(c->line, colon);
    *ret_value = bytes_trim(bytes_of(c->line + colon + 1, n - colon - 1));
    return true;
}

static enum aws_chunked_event on_end(struct aws_chunked *c)
{
    unsigned both = AWS_CHUNKED_SIGNED | AWS_CHUNKED_TRAILERS;
    if ((c->mode & both) == both && !c->signed_trailers)
        return AWS_CHUNKED_NO_TRAILER_SIGNATURE;
    c->state = END;
    return AWS_CHUNKED_END;
}

/* A line behind the final chunk, of `n` bytes without its end, which was CR LF or LF. */
static enum aws_chunked_event on_trailer(struct aws_chunked *c, size_t n, bool crlf, struct aws_chunked_item *ret)
{
    bool after_bare_lf = c->bare_lf;
    c->bare_lf = n > 0 && !crlf;
    if (n == 0)
        return after_bare_lf && crlf ? AWS_CHUNKED_MORE : on_end(c);
    struct bytes name, value;
    if (!(c->mode & AWS_CHUNKED_TRAILERS) || c->signed_trailers || c->trailers == AWS_CHUNKED_MAX_TRAILERS ||
        !split_trailer(c, n, &name, &value))
        return AWS_CHUNKED_BAD_TRAILER;
    c->trailers++;
    if (bytes_eq_str(name, "x-amz-trailer-signature")) {
        if (!(c->mode & AWS_CHUNKED_SIGNED) || !is_signature(value))
            return AWS_CHUNKED_BAD_TRAILER;
        c->signed_trailers = true;
        ret->signature = value;
        return AWS_CHUNKED_TRAILER_SIGNATURE;
    }
    ret->name = name;
    ret->value = value;
    return AWS_CHUNKED_TRAILER;
}

/*
 * Moves bytes up to and including LF into the line buffer and judges the line when it is whole. AWS_CHUNKED_MORE:
 * either the input is used up, or the line meant nothing.
 */
static enum aws_chunked_event take_line(struct aws_chunked *c, struct bytes *in, struct aws_chunked_item *ret)
{
    const char *lf = memchr(in->p, '\n', in->n);
    size_t n = lf ? (size_t)(lf - in->p) + 1 : in->n;
    bool header = c->state == HEADER;
    if (c->line_n + n > AWS_CHUNKED_MAX_LINE || (!lf && c->line_n + n == AWS_CHUNKED_MAX_LINE))
        return header ? AWS_CHUNKED_BAD_HEADER : AWS_CHUNKED_BAD_TRAILER;
    memcpy(c->line + c->line_n, in->p, n);
    c->line_n += (uint16_t)n;
    *in = bytes_of(in->p + n, in->n - n);
    if (!lf)
        return AWS_CHUNKED_MORE;

    size_t text = (size_t)c->line_n - 1;
    bool crlf = text && c->line[text - 1] == '\r';
    text -= crlf;
    c->line_n = 0;
    if (header)
        return crlf ? on_header(c, bytes_of(c->line, text), ret) : AWS_CHUNKED_BAD_HEADER;
    return on_trailer(c, text, crlf, ret);
}

static enum aws_chunked_event take_data(struct aws_chunked *c, struct bytes *in, struct aws_chunked_item *ret)
{
    size_t n = in->n < c->left ? in->n : (size_t)c->left;
    ret->data = bytes_of(in->p, n);
    *in = bytes_of(in->p + n, in->n - n);
    c->left -= n;
    if (c->left == 0)
        c->state = DATA_CR;
    return AWS_CHUNKED_DATA;
}

/* One of the two bytes behind the data. */
static enum aws_chunked_event take_data_end(struct aws_chunked *c, struct bytes *in)
{
    bool cr = c->state == DATA_CR;
    if (in->p[0] != (cr ? '\r' : '\n'))
        return AWS_CHUNKED_BAD_DATA_END;
    *in = bytes_of(in->p + 1, in->n - 1);
    c->state = cr ? DATA_LF : HEADER;
    return cr ? AWS_CHUNKED_MORE : AWS_CHUNKED_DONE;
}

static enum aws_chunked_event step(struct aws_chunked *c, struct bytes *in, struct aws_chunked_item *ret)
{
    switch ((enum state)c->state) {
    case HEADER:
    case TRAILER:
        return take_line(c, in, ret);
    case DATA:
        return take_data(c, in, ret);
    case DATA_CR:
    case DATA_LF:
        return take_data_end(c, in);
    case END:
        return AWS_CHUNKED_AFTER_END;
    case FAILED:
        break;
    }
    return (enum aws_chunked_event)c->failure;
}

static enum aws_chunked_event settle(struct aws_chunked *c, enum aws_chunked_event e)
{
    if (aws_chunked_failed(e)) {
        c->state = FAILED;
        c->failure = (uint8_t)e;
    }
    return e;
}

enum aws_chunked_event aws_chunked_next(struct aws_chunked *c, struct bytes *in, struct aws_chunked_item *ret)
{
    if (c->state == FAILED)
        return (enum aws_chunked_event)c->failure;
    while (in->n) {
        enum aws_chunked_event e = step(c, in, ret);
        if (e != AWS_CHUNKED_MORE)
            return settle(c, e);
    }
    return c->state == END ? AWS_CHUNKED_END : AWS_CHUNKED_MORE;
}

enum aws_chunked_event aws_chunked_eof(struct aws_chunked *c)
{
    if (c->state == FAILED)
        return (enum aws_chunked_event)c->failure;
    if (c->state == END)
        return AWS_CHUNKED_END;
    bool at_line = c->line_n == 0 || (c->line_n == 1 && c->line[0] == '\r');
    return settle(c, c->state == TRAILER && at_line ? on_end(c) : AWS_CHUNKED_TRUNCATED);
}
