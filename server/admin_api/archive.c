/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives over libzip; archive.h says what is read of them and what is not.
 * Invariant: a member's bytes are counted as they come out, whatever its header announces.
 * Threads: see archive.h.
 */
#include "server/admin_api/archive.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/check.h"

#define READ_STEP (64u * 1024)

/* The least there is; libzip neither makes it nor minds less. */
static const unsigned char empty_archive[22] = {'P', 'K', 5, 6};

struct archive {
    struct arena *arena;
    zip_t *zip;
    size_t n, unpacked;
    struct bytes *names;
};

static void discard(void *zip)
{
    zip_discard(zip);
}

static int by_name(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

static bool names_are_good(struct archive *z, const char **why)
{
    struct bytes *sorted = arena_new_array(z->arena, struct bytes, z->n + 1);
    for (size_t i = 0; i < z->n; i++) {
        const char *name = zip_get_name(z->zip, i, ZIP_FL_ENC_RAW);
        size_t n = name ? strlen(name) : 0;
        if (n == 0 || n > ARCHIVE_NAME_MAX || !utf8_valid(bytes_of(name, n))) {
            *why = "a member of the archive has no good name";
            return false;
        }
        z->names[i] = sorted[i] = bytes_of(name, n);
    }
    qsort(sorted, z->n, sizeof *sorted, by_name);
    for (size_t i = 1; i < z->n; i++)
        if (bytes_eq(sorted[i - 1], sorted[i])) {
            *why = "the archive has two members of one name";
            return false;
        }
    return true;
}

struct archive *archive_open(struct bytes body, struct arena *a, const char **why)
{
    struct archive *z = arena_new(a, struct archive);
    zip_source_t *source = body.n < sizeof empty_archive ? NULL : zip_source_buffer_create(body.p, body.n, 0, NULL);
    *why = "it is no zip archive";
    arena_keep_secret(a);
    z->arena = a;
    z->zip = source ? zip_open_from_source(source, ZIP_RDONLY, NULL) : NULL;
    if (!z->zip) {
        if (source)
            zip_source_free(source);
        return NULL;
    }
    arena_defer(a, discard, z->zip);
    zip_int64_t n = zip_get_num_entries(z->zip, 0);
    if (n < 0 || n > ARCHIVE_MEMBERS_MAX) {
        *why = "the archive has too many members";
        return NULL;
    }
    z->n = (size_t)n;
    z->names = arena_new_array(a, struct bytes, z->n + 1);
    return names_are_good(z, why) ? z : NULL;
}

size_t archive_count(const struct archive *z)
{
    return z->n;
}

struct bytes archive_name(const struct archive *z, size_t i)
{
    return z->names[i];
}

ptrdiff_t archive_find(const struct archive *z, const char *name)
{
    for (size_t i = 0; i < z->n; i++)
        if (bytes_eq_str(z->names[i], name))
            return (ptrdiff_t)i;
    return -1;
}

static bool is_readable(struct archive *z, size_t i, zip_stat_t *st)
{
    const zip_uint64_t wanted = ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    return zip_stat_index(z->zip, i, 0, st) == 0 && (st->valid & wanted) == wanted &&
           (st->comp_method == ZIP_CM_STORE || st->comp_method == ZIP_CM_DEFLATE) &&
           st->encryption_method == ZIP_EM_NONE;
}

static void wipe(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    buf_fini(b);
}

bool archive_read(struct archive *z, size_t i, struct bytes *ret, const char **why)
{
    zip_stat_t st;
    *why = "a member of the archive is packed in a way that is not read here";
    if (!is_readable(z, i, &st))
        return false;
    *why = "a member of the archive is damaged";
    zip_file_t *f = zip_fopen_index(z->zip, i, 0);
    if (!f)
        return false;
    size_t left = ARCHIVE_UNPACKED_MAX - z->unpacked;
    struct buf out;
    buf_init(&out, left < ARCHIVE_MEMBER_MAX ? left : ARCHIVE_MEMBER_MAX);
    char *step = xmalloc(READ_STEP);
    zip_int64_t n = 0;
    while (!out.failed && (n = zip_fread(f, step, READ_STEP)) > 0)
        buf_put(&out, step, (size_t)n);
    OPENSSL_cleanse(step, READ_STEP);
    free(step);
    zip_fclose(f);
    bool good = n == 0 && !out.failed;
    if (out.failed)
        *why = "the archive is too large when it is unpacked";
    z->unpacked += out.n;
    if (good)
        *ret = bytes_dup(z->arena, buf_bytes(&out));
    wipe(&out);
    return good;
}

/* ---- writing ---- */

struct archive_writer {
    zip_source_t *source;
    zip_t *zip;
    bool failed;
};

static void let_go(void *p)
{
    struct archive_writer *w = p;
    if (w->zip)
        zip_discard(w->zip);
    if (w->source)
        zip_source_free(w->source);
}

struct archive_writer *archive_begin(struct arena *a)
{
    struct archive_writer *w = arena_new(a, struct archive_writer);
    w->source = zip_source_buffer_create(NULL, 0, 0, NULL);
    if (w->source) {
        zip_source_keep(w->source); /* one for the zip, one for reading it afterwards */
        w->zip = zip_open_from_source(w->source, ZIP_CREATE | ZIP_TRUNCATE, NULL);
        if (!w->zip)
            zip_source_free(w->source);
    }
    w->failed = !w->zip;
    arena_defer(a, let_go, w);
    return w;
}

void archive_add(struct archive_writer *w, const char *name, struct bytes data)
{
    if (w->failed)
        return;
    zip_source_t *s = zip_source_buffer(w->zip, data.n ? data.p : "", data.n, 0);
    if (!s || zip_file_add(w->zip, name, s, ZIP_FL_ENC_UTF_8) < 0) {
        zip_source_free(s);
        w->failed = true;
    }
}

static bool copy_out(zip_source_t *s, struct buf *out)
{
    char *step = xmalloc(READ_STEP);
    zip_int64_t n = -1;
    if (zip_source_open(s) == 0) {
        while ((n = zip_source_read(s, step, READ_STEP)) > 0)
            buf_put(out, step, (size_t)n);
        zip_source_close(s);
    }
    OPENSSL_cleanse(step, READ_STEP);
    free(step);
    return n == 0 && !out->failed;
}

bool archive_end(struct archive_writer *w, struct buf *out)
{
    if (!w->failed && zip_get_num_entries(w->zip, 0) == 0) {
        buf_put(out, empty_archive, sizeof empty_archive);
        return !out->failed;
    }
    if (w->failed || zip_close(w->zip) != 0)
        return false;
    w->zip = NULL;
    return copy_out(w->source, out);
}
