/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: round trips; hostile ones are refused within their bounds. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "server/admin_api/archive.h"

static struct arena *a;

static void open_arena(void)
{
    a = arena_create(0);
}

static void close_arena(void)
{
    arena_free(a);
}

TestSuite(admin_archive, .init = open_arena, .fini = close_arena);

static struct bytes made(struct buf *out, const char *const (*members)[2], size_t n)
{
    struct archive_writer *w = archive_begin(a);
    buf_init(out, 1 << 20);
    for (size_t i = 0; i < n; i++)
        archive_add(w, members[i][0], bytes_str(members[i][1]));
    cr_assert(archive_end(w, out));
    return buf_bytes(out);
}

Test(admin_archive, what_was_written_is_read)
{
    static const char *const members[][2] = {{"a/one.json", "{}"}, {"b/two.xml", "<x/>"}, {"empty", ""}};
    const char *why = NULL;
    struct buf out;
    struct archive *z = archive_open(made(&out, members, 3), a, &why);
    cr_assert(z, "%s", why);
    cr_assert_eq(archive_count(z), 3);
    for (size_t i = 0; i < 3; i++) {
        struct bytes text = BYTES_NONE;
        cr_assert_eq(archive_find(z, members[i][0]), (ptrdiff_t)i);
        cr_assert(archive_read(z, i, &text, &why), "%s", why);
        cr_assert(bytes_eq_str(text, members[i][1]));
    }
    cr_assert_eq(archive_find(z, "a"), -1);
    buf_fini(&out);
}

Test(admin_archive, nothing_is_an_archive_too)
{
    const char *why;
    struct buf out;
    struct archive *z = archive_open(made(&out, NULL, 0), a, &why);
    cr_assert(z && archive_count(z) == 0);
    buf_fini(&out);
}

Test(admin_archive, what_is_none_is_refused)
{
    static const char *const members[][2] = {{"x", "some text that is long enough to be cut somewhere"}};
    static const struct bytes bad[] = {{NULL, 0}, {"", 0}, {"PK", 2}, {"PK\5\6", 4}, {"not an archive at all", 21}};
    const char *why = NULL;
    struct buf out;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(!archive_open(bad[i], a, &why) && why, "%zu", i);
    struct bytes whole = made(&out, members, 1);
    for (size_t n = 0; n < whole.n; n++) { /* cut, or one byte changed: never more than a refusal */
        struct bytes text;
        struct archive *z = archive_open(bytes_cut(whole, 0, n), a, &why);
        if (z && archive_count(z))
            (void)archive_read(z, 0, &text, &why);
        char *copy = memcpy(arena_alloc(a, whole.n), whole.p, whole.n);
        copy[n] ^= 0x55;
        z = archive_open(bytes_of(copy, whole.n), a, &why);
        if (z && archive_count(z) && archive_read(z, 0, &text, &why))
            cr_expect(bytes_eq_str(text, members[0][1]), "byte %zu", n);
    }
    buf_fini(&out);
}

/* By libzip itself: what archive_add never makes. */
struct made_zip {
    zip_source_t *source;
    zip_t *zip;
};

static struct made_zip begin(void)
{
    struct made_zip m = {.source = zip_source_buffer_create(NULL, 0, 0, NULL)};
    zip_source_keep(m.source);
    m.zip = zip_open_from_source(m.source, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    cr_assert(m.zip);
    return m;
}

static struct bytes finish(struct made_zip *m)
{
    zip_stat_t st;
    cr_assert_eq(zip_close(m->zip), 0);
    cr_assert_eq(zip_source_stat(m->source, &st), 0);
    char *p = arena_alloc(a, st.size);
    cr_assert_eq(zip_source_open(m->source), 0);
    cr_assert_eq(zip_source_read(m->source, p, st.size), (zip_int64_t)st.size);
    zip_source_close(m->source);
    zip_source_free(m->source);
    return bytes_of(p, st.size);
}

Test(admin_archive, bombs_are_cut_off)
{
    size_t n = ARCHIVE_MEMBER_MAX + 1, part = 15u << 20;
    char *zeros = calloc(1, n);
    struct made_zip m = begin();
    const char *why = "";
    struct bytes text;
    zip_file_add(m.zip, "bomb", zip_source_buffer(m.zip, zeros, n, 0), 0);
    for (int i = 0; i < 4; i++)
        zip_file_add(m.zip, arena_printf(a, "part%d", i), zip_source_buffer(m.zip, zeros, part, 0), 0);
    struct bytes body = finish(&m);
    cr_assert_lt(body.n, 1u << 20);
    struct archive *z = archive_open(body, a, &why);
    cr_assert(z, "%s", why);
    cr_assert_not(archive_read(z, 0, &text, &why));
    cr_assert_str_eq(why, "the archive is too large when it is unpacked");
    z = archive_open(body, a, &why);
    for (size_t i = 1; i < 4; i++)
        cr_assert(archive_read(z, i, &text, &why), "%s", why);
    cr_assert_not(archive_read(z, 4, &text, &why)); /* each is small enough, all together are not */
    free(zeros);
}

Test(admin_archive, too_many_members_are_refused)
{
    struct made_zip m = begin();
    const char *why = "";
    for (int i = 0; i <= ARCHIVE_MEMBERS_MAX; i++)
        zip_file_add(m.zip, arena_printf(a, "m%d", i), zip_source_buffer(m.zip, "", 0, 0), 0);
    cr_assert_null(archive_open(finish(&m), a, &why));
    cr_assert_str_eq(why, "the archive has too many members");
}

Test(admin_archive, hostile_names_and_kinds_are_refused)
{
    const char *why = "";
    struct bytes text;
    struct made_zip m = begin();
    zip_file_add(m.zip, "twice", zip_source_buffer(m.zip, "1", 1, 0), 0);
    zip_file_add(m.zip, "twicf", zip_source_buffer(m.zip, "2", 1, 0), 0);
    struct bytes body = finish(&m);
    for (size_t i = 0; i + 5 <= body.n; i++)
        if (memcmp(body.p + i, "twicf", 5) == 0)
            ((char *)body.p)[i + 4] = 'e';
    cr_assert_null(archive_open(body, a, &why));
    cr_assert_str_eq(why, "the archive has two members of one name");

    m = begin();
    zip_file_add(m.zip, arena_printf(a, "%0*d", ARCHIVE_NAME_MAX + 1, 1), zip_source_buffer(m.zip, "1", 1, 0), 0);
    cr_assert_null(archive_open(finish(&m), a, &why));

    m = begin();
    zip_int64_t i = zip_file_add(m.zip, "locked", zip_source_buffer(m.zip, "1", 1, 0), 0);
    cr_assert_eq(zip_file_set_encryption(m.zip, (zip_uint64_t)i, ZIP_EM_AES_256, "secret"), 0);
    struct archive *z = archive_open(finish(&m), a, &why);
    cr_assert(z && !archive_read(z, 0, &text, &why));

    m = begin();
    i = zip_file_add(m.zip, "bzip2", zip_source_buffer(m.zip, "1111111111", 10, 0), 0);
    if (zip_set_file_compression(m.zip, (zip_uint64_t)i, ZIP_CM_BZIP2, 0) == 0) {
        z = archive_open(finish(&m), a, &why);
        cr_assert(z && !archive_read(z, 0, &text, &why));
    }
}
