/* SPDX-License-Identifier: Apache-2.0 */
/* Forms as browsers send them and as they do not, whole and in pieces of every small size. */
#include "server/http/multipart_form.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"

/* What a form was, in one line: "[name|filename]data;" for each part, "." at the end, "!N" where it failed. */
static struct buf seen;

static enum form_event read_by(struct bytes boundary, struct bytes all, size_t piece)
{
    struct multipart_form *f = xcalloc(1, sizeof *f);
    enum form_event e = FORM_MORE;
    form_init(f, boundary);
    buf_reset(&seen);
    for (size_t at = 0; at < all.n && !form_failed(e); at += piece) {
        struct bytes part = bytes_cut(all, at, piece), in = bytes_of(xmalloc(part.n), part.n), own = in;
        struct form_item item;
        memcpy((char *)own.p, part.p, part.n);
        while (in.n && !form_failed(e)) {
            e = form_next(f, &in, &item);
            if (e == FORM_PART)
                buf_printf(&seen, "[%.*s|%.*s]", (int)item.name.n, item.name.p,
                           item.filename.p ? (int)item.filename.n : 1, item.filename.p ? item.filename.p : "-");
            if (e == FORM_DATA)
                buf_put_bytes(&seen, item.data);
            if (e == FORM_PART_END || e == FORM_END)
                buf_put_char(&seen, e == FORM_END ? '.' : ';');
        }
        free((char *)own.p);
    }
    if (form_failed(e))
        buf_put_char(&seen, '!');
    cr_assert_eq(form_ended(f), seen.n && seen.p[seen.n - 1] == '.');
    free(f);
    return e;
}

static void expect(const char *boundary, struct bytes body, const char *want)
{
    buf_init(&seen, 1 << 20);
    for (size_t piece = 1; piece <= body.n; piece += piece < 40 ? 1 : body.n) {
        read_by(bytes_str(boundary), body, piece);
        cr_expect(bytes_eq_str(buf_bytes(&seen), want), "pieces of %zu: %.*s, wanted %s", piece, (int)seen.n, seen.p,
                  want);
    }
    read_by(bytes_str(boundary), body, body.n);
    cr_expect(bytes_eq_str(buf_bytes(&seen), want), "whole: %.*s, wanted %s", (int)seen.n, seen.p, want);
    buf_fini(&seen);
}

#define PART(name, rest) "Content-Disposition: form-data; name=\"" name "\"" rest "\r\n\r\n"

Test(multipart_form, fields_and_a_file)
{
    expect(
        "xyz",
        BYTES_LIT("--xyz\r\n" PART("key", "") "a/b\r\n--xyz\r\n" PART("empty", "") "\r\n--xyz\r\n" PART(
            "file", "; filename=\"C:\\dir\\a \\\"b\\\".txt\"\r\nContent-Type: text/plain") "line\r\n--xy\r\n"
                                                                                           "\r\n--xyz--\r\nepilogue"),
        "[key|-]a/b;[empty|-];[file|C:\\dir\\a \"b\".txt]line\r\n--xy\r\n;.");
}

Test(multipart_form, data_that_looks_like_a_boundary)
{
    expect("--", BYTES_LIT("----\r\n" PART("a", "") "\r\r\n\r\n--\r\n---\r\r\n-x\r\n------"),
           "[a|-]\r\r\n\r\n--\r\n---\r\r\n-x;.");
    expect("aa", BYTES_LIT("--aa\r\n" PART("a", "") "\r\n--a\r\n--ab\r\n\r\n--aa--"), "[a|-]\r\n--a\r\n--ab\r\n;.");
}

Test(multipart_form, forms_may_look_a_little_different)
{
    expect("b",
           BYTES_LIT(
               "\r\n--b \t\r\ncontent-type: x\r\nCONTENT-disposition:form-data;NAME=k;filename=f;\r\n\r\nv\r\n--b--"),
           "[k|f]v;.");
    expect("b", BYTES_LIT("--b\r\n" PART("\xc3\xa9", "; filename=\"\"; filename*=utf-8''x") "\r\n--b--"),
           "[\xc3\xa9|];.");
}

Test(multipart_form, strange_forms_are_refused)
{
    static const char *const bodies[] = {
        "preamble\r\n--b\r\n" PART("a", "") "x\r\n--b--",
        "\n--b\r\n" PART("a", "") "x\r\n--b--",
        "--b\n" PART("a", "") "x\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\"\n\nx\r\n--b--",
        "--b\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=x; FileName=y\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=a b\r\n\r\nx\r\n--b--",
        "--b\r\n" PART("a", "\r\nContent-Disposition: form-data; name=\"b\"") "x\r\n--b--",
        "--b\r\n" PART("a", "\r\n folded") "x\r\n--b--",
        "--b\r\n" PART("a", "\r\nX\001: y") "x\r\n--b--",
        "--b\r\n" PART("a", "\r\nX : y") "x\r\n--b--",
        "--b\r\n" PART("\xff", "") "x\r\n--b--",
        "--bx\r\n" PART("a", "") "x\r\n--b--",
        "--b-x\r\n",
        "--b                                 \r\n" PART("a", "") "x\r\n--b--",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        buf_init(&seen, 1 << 20);
        for (size_t piece = 1; piece < 200; piece += 66)
            cr_expect(form_failed(read_by(BYTES_LIT("b"), bytes_str(bodies[i]), piece)), "%s", bodies[i]);
        buf_fini(&seen);
    }
}

Test(multipart_form, a_head_without_end_is_refused)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_init(&seen, 1 << 20);
    buf_put_str(&body, "--b\r\nX: ");
    while (body.n < FORM_HEAD_MAX + 100)
        buf_put_str(&body, "yyyyyyyyy");
    cr_expect_eq(read_by(BYTES_LIT("b"), buf_bytes(&body), 1000), FORM_LONG_HEAD);
    buf_fini(&body);
    buf_fini(&seen);
}

Test(multipart_form, the_boundary_of_a_content_type)
{
    static const struct {
        const char *type, *boundary; /* NULL: refused; "-": no form at all */
    } cases[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;charset=utf-8; Boundary=\"a b:c/?\"", "a b:c/?"},
        {"multipart/form-data ; boundary=----WebKitFormBoundaryAbC_1'+,", NULL},
        {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=\"a \"", NULL},
        {"multipart/form-data; boundary=a; boundary=b", NULL},
        {"multipart/form-data; boundary=\"a", NULL},
        {"multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
         "0123456789012345678901234567890123456789012345678901234567890123456789"},
        {"multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890", NULL},
        {"multipart/mixed; boundary=a", "-"},
        {"application/x-www-form-urlencoded", "-"},
        {"", "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool is_form = false;
        struct bytes boundary = BYTES_NONE;
        bool good = form_boundary(bytes_str(cases[i].type), &is_form, &boundary);
        const char *want = cases[i].boundary;
        bool none = want && strcmp(want, "-") == 0;
        cr_expect_eq(is_form, !none, "%s", cases[i].type);
        cr_expect(good ? want && !none && bytes_eq_str(boundary, want) : !want || none, "%s", cases[i].type);
    }
}
