/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the boundary while bytes come in any cutting. The delimiter is CR LF "--" boundary, and CR stands nowhere in
 * it but in front; so when a match breaks off, no later start inside of it can succeed, what was matched is data, and
 * it need not have been kept: it is the delimiter's own beginning.
 *
 * Invariant: events and data do not depend on how the input was cut (the fuzzer checks it).
 * Threads: as the header says.
 */
#include "server/http/multipart_form.h"

#include <string.h>

#include "base/check.h"

enum {
    AT_START,   /* nothing seen yet */
    AT_FIRST,   /* inside the first delimiter */
    IN_DATA,    /* of a part */
    AFTER_MARK, /* behind a delimiter: "--", or padding and the line's end */
    AFTER_DASH, /* behind the first of the two */
    IN_PADDING,
    AFTER_CR, /* of that line */
    IN_HEAD,
    IN_EPILOGUE,
};

/* ---- Content-Type ---- */

static bool is_token(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_spaces(struct bytes s, size_t at)
{
    while (at < s.n && is_space(s.p[at]))
        at++;
    return at;
}

/*
 * `; name=value` at *at: a token, or a quoted text in which only \" is an escape (browsers send Windows paths with bare
 * backslashes). 1 one was there, 0 the end, -1 malformed. The value keeps its escapes.
 */
static int next_parameter(struct bytes s, size_t *at, struct bytes *name, struct bytes *value)
{
    size_t i = skip_spaces(s, *at);
    if (i == s.n)
        return 0;
    if (s.p[i] != ';')
        return -1;
    i = skip_spaces(s, i + 1);
    if (i == s.n)
        return 0; /* a last semicolon */
    size_t from = i;
    while (i < s.n && is_token(s.p[i]))
        i++;
    *name = bytes_cut(s, from, i - from);
    if (name->n == 0 || i == s.n || s.p[i] != '=')
        return -1;
    from = ++i;
    if (i < s.n && s.p[i] == '"') {
        for (from = ++i; i < s.n && s.p[i] != '"'; i++)
            if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '"')
                i++;
        if (i >= s.n)
            return -1;
        *value = bytes_of(s.p + from, i - from);
        *at = i + 1;
        return 1;
    }
    while (i < s.n && is_token(s.p[i]))
        i++;
    *value = bytes_of(s.p + from, i - from);
    *at = i;
    return value->n ? 1 : -1;
}

static bool boundary_is_good(struct bytes b)
{
    if (b.n == 0 || b.n > FORM_BOUNDARY_MAX || b.p[b.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < ' ' || b.p[i] > '~' || b.p[i] == '"' || b.p[i] == '\\')
            return false;
    return true;
}

bool form_boundary(struct bytes type, bool *ret_form, struct bytes *ret)
{
    static const char wanted[] = "multipart/form-data";
    size_t at = 0;
    struct bytes name, value, boundary = BYTES_NONE;
    while (at < type.n && type.p[at] != ';' && !is_space(type.p[at]))
        at++;
    *ret_form = bytes_eq_str_nocase(bytes_cut(type, 0, at), wanted);
    if (!*ret_form)
        return false;
    for (int rc; (rc = next_parameter(type, &at, &name, &value)) != 0;) {
        if (rc < 0)
            return false;
        if (!bytes_eq_str_nocase(name, "boundary"))
            continue;
        if (boundary.p)
            return false;
        boundary = value;
    }
    if (!boundary_is_good(boundary))
        return false;
    *ret = boundary;
    return true;
}

void form_init(struct multipart_form *f, struct bytes boundary)
{
    CHECK(boundary.n >= 1 && boundary.n <= FORM_BOUNDARY_MAX);
    memset(f, 0, sizeof *f);
    memcpy(f->delimiter, "\r\n--", 4);
    memcpy(f->delimiter + 4, boundary.p, boundary.n);
    f->delimiter_n = boundary.n + 4;
}

bool form_ended(const struct multipart_form *f)
{
    return f->state == IN_EPILOGUE;
}

/* ---- a part's head ---- */

static bool has_controls(struct bytes s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    return false;
}

/* \" becomes ", in place: the head is ours. */
static struct bytes unescape(struct multipart_form *f, struct bytes s)
{
    char *p = f->head + (s.p - f->head);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == '"')
            i++;
        p[n++] = s.p[i];
    }
    return bytes_of(p, n);
}

static bool read_disposition(struct multipart_form *f, struct bytes value)
{
    size_t at = 0;
    struct bytes name, text;
    while (at < value.n && is_token(value.p[at]))
        at++;
    if (f->name.p || !bytes_eq_str_nocase(bytes_cut(value, 0, at), "form-data"))
        return false;
    for (int rc; (rc = next_parameter(value, &at, &name, &text)) != 0;) {
        if (rc < 0)
            return false;
        bool is_name = bytes_eq_str_nocase(name, "name");
        if (!is_name && !bytes_eq_str_nocase(name, "filename"))
            continue;
        struct bytes *to = is_name ? &f->name : &f->filename;
        if (to->p) /* twice: who would say which one counts? */
            return false;
        *to = unescape(f, text);
    }
    return f->name.n > 0 && f->name.n <= FORM_NAME_MAX && utf8_valid(f->name);
}

static bool read_head_line(struct multipart_form *f, struct bytes line)
{
    ptrdiff_t colon = bytes_find_char(line, ':', 0);
    if (colon <= 0 || has_controls(line))
        return false;
    for (ptrdiff_t i = 0; i < colon; i++)
        if (!is_token(line.p[i]))
            return false;
    if (!bytes_eq_str_nocase(bytes_cut(line, 0, (size_t)colon), "content-disposition"))
        return true;
    return read_disposition(f, bytes_trim(bytes_cut(line, (size_t)colon + 1, line.n)));
}

static enum form_event take_head(struct multipart_form *f, struct bytes *in, struct form_item *ret)
{
    while (in->n) {
        const char *end = memchr(in->p, '\n', in->n);
        size_t n = end ? (size_t)(end - in->p) + 1 : in->n;
        if (n > FORM_HEAD_MAX - f->head_n)
            return FORM_LONG_HEAD;
        memcpy(f->head + f->head_n, in->p, n);
        f->head_n += n;
        *in = bytes_cut(*in, n, in->n);
        if (!end)
            break;
        struct bytes line = bytes_of(f->head + f->line_at, f->head_n - f->line_at - 1);
        if (line.n == 0 || line.p[line.n - 1] != '\r')
            return FORM_BAD_HEAD;
        line.n--;
        f->line_at = f->head_n;
        if (line.n == 0) {
            if (!f->name.p)
                return FORM_BAD_HEAD;
            *ret = (struct form_item){.name = f->name, .filename = f->filename};
            f->state = IN_DATA;
            return FORM_PART;
        }
        if (!read_head_line(f, line))
            return FORM_BAD_HEAD;
    }
    return FORM_MORE;
}

/* ---- delimiters and data ---- */

/* Goes on with a delimiter that has begun. True: it is complete, or the input is over. */
static bool go_on(struct multipart_form *f, struct bytes *in)
{
    size_t n = 0;
    while (n < in->n && f->matched < f->delimiter_n && in->p[n] == f->delimiter[f->matched]) {
        n++;
        f->matched++;
    }
    *in = bytes_cut(*in, n, in->n);
    return f->matched == f->delimiter_n || in->n == 0;
}

static enum form_event take_data(struct multipart_form *f, struct bytes *in, struct form_item *ret)
{
    if (f->matched) {
        if (!go_on(f, in)) { /* it was data after all */
            ret->data = bytes_of(f->delimiter, f->matched);
            f->matched = 0;
            return FORM_DATA;
        }
        if (f->matched < f->delimiter_n)
            return FORM_MORE;
        f->matched = 0;
        f->state = AFTER_MARK;
        return FORM_PART_END;
    }
    size_t at = 0;
    while (at < in->n) {
        const char *cr = memchr(in->p + at, '\r', in->n - at);
        at = cr ? (size_t)(cr - in->p) : in->n;
        size_t n = in->n - at < f->delimiter_n ? in->n - at : f->delimiter_n;
        if (n == 0 || memcmp(in->p + at, f->delimiter, n) == 0)
            break; /* the end, or the delimiter as far as one can see */
        at++;
    }
    if (at == 0) {
        f->matched = 1;
        *in = bytes_cut(*in, 1, in->n);
        return take_data(f, in, ret); /* into the branch above */
    }
    ret->data = bytes_cut(*in, 0, at);
    *in = bytes_cut(*in, at, in->n);
    return FORM_DATA;
}

static enum form_event take_first(struct multipart_form *f, struct bytes *in)
{
    if (f->state == AT_START) {
        f->matched = in->p[0] == '\r' ? 0 : 2; /* one line end may stand in front, none need */
        f->state = AT_FIRST;
    }
    if (!go_on(f, in))
        return FORM_BAD_BOUNDARY;
    if (f->matched == f->delimiter_n) {
        f->matched = 0;
        f->state = AFTER_MARK;
    }
    return FORM_MORE;
}

/* One byte of the rest of a boundary's line. */
static enum form_event take_line_end(struct multipart_form *f, struct bytes *in)
{
    char c = in->p[0];
    *in = bytes_cut(*in, 1, in->n);
    switch (f->state) {
    case AFTER_MARK:
        f->padding = 0;
        f->state = c == '-' ? AFTER_DASH : c == '\r' ? AFTER_CR : IN_PADDING;
        return c == '-' || c == '\r' || is_space(c) ? FORM_MORE : FORM_BAD_BOUNDARY;
    case AFTER_DASH:
        if (c != '-')
            return FORM_BAD_BOUNDARY;
        f->state = IN_EPILOGUE;
        return FORM_END;
    case IN_PADDING:
        if (c == '\r')
            f->state = AFTER_CR;
        else if (!is_space(c) || ++f->padding > FORM_PADDING_MAX)
            return FORM_BAD_BOUNDARY;
        return FORM_MORE;
    default:
        f->state = IN_HEAD;
        f->head_n = f->line_at = 0;
        f->name = f->filename = BYTES_NONE;
        return c == '\n' ? FORM_MORE : FORM_BAD_BOUNDARY;
    }
}

static enum form_event step(struct multipart_form *f, struct bytes *in, struct form_item *ret)
{
    switch (f->state) {
    case AT_START:
    case AT_FIRST:
        return take_first(f, in);
    case IN_DATA:
        return take_data(f, in, ret);
    case IN_HEAD:
        return take_head(f, in, ret);
    case IN_EPILOGUE:
        *in = bytes_cut(*in, in->n, 0);
        return FORM_MORE;
    default:
        return take_line_end(f, in);
    }
}

enum form_event form_next(struct multipart_form *f, struct bytes *in, struct form_item *ret)
{
    *ret = (struct form_item){.name = BYTES_NONE};
    while (!f->failed && in->n) {
        enum form_event e = step(f, in, ret);
        if (form_failed(e))
            f->failed = e;
        if (e != FORM_MORE)
            return e;
    }
    return f->failed;
}
