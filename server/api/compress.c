/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects are worth keeping compressed. A bucket's tag pail:compress decides for the bucket, --compress for the
 * others; types and extensions for the object. What is compressed already is left alone, whatever the lists say: by its
 * Content-Encoding, its type or its extension. That is a guess about space alone: the store keeps what does not shrink
 * as it is, and what clients see is the same.
 * Threads: those of the calling handler; nothing is kept.
 */
#include <string.h>

#include "base/check.h"
#include "server/api/api.h"
#include "server/authorize.h"
#include "server/server.h"

static const char *const packed_types[] = {
    "video/*",
    "audio/*",
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/heic",
    "application/zip",
    "application/gzip",
    "application/x-gzip",
    "application/x-bzip2",
    "application/x-xz",
    "application/zstd",
    "application/x-7z-compressed",
    "application/vnd.rar",
    "application/x-rar-compressed",
    "application/x-zip-compressed",
    "application/x-compress",
    "application/x-compressed",
};
static const char *const packed_extensions[] = {
    ".gz",   ".tgz",  ".bz2",  ".xz",  ".zst",  ".lz4",  ".br",   ".zip",  ".rar",  ".7z",   ".jar",
    ".apk",  ".jpg",  ".jpeg", ".png", ".gif",  ".webp", ".heic", ".avif", ".mp3",  ".m4a",  ".ogg",
    ".opus", ".flac", ".mp4",  ".mkv", ".webm", ".mov",  ".avi",  ".docx", ".xlsx", ".pptx", ".parquet",
};

/* A type without its parameters against `text/html`, or `text/` and a star for any rest. */
static bool type_fits(struct bytes pattern, struct bytes type)
{
    if (pattern.n && pattern.p[pattern.n - 1] == '*') {
        pattern.n--;
        type = bytes_cut(type, 0, pattern.n);
    }
    return bytes_eq_nocase(pattern, type);
}

static bool extension_fits(struct bytes extension, struct bytes key)
{
    return extension.n && key.n > extension.n &&
           bytes_eq_nocase(extension, bytes_cut(key, key.n - extension.n, extension.n));
}

static bool listed(const char *list, struct bytes what, bool (*fits)(struct bytes, struct bytes))
{
    struct bytes all = bytes_str(list);
    for (size_t at = 0; at < all.n;) {
        ptrdiff_t comma = bytes_find_char(all, ',', at);
        size_t end = comma < 0 ? all.n : (size_t)comma;
        struct bytes word = bytes_trim(bytes_cut(all, at, end - at));
        if (word.n && fits(word, what))
            return true;
        at = end + 1;
    }
    return false;
}

static struct bytes header_of(const struct store_put *put, const char *name)
{
    for (size_t i = 0; i < put->n_headers; i++)
        if (bytes_eq_str(put->headers[i].name, name))
            return put->headers[i].value;
    return BYTES_NONE;
}

static bool is_packed(const struct store_put *put, struct bytes type)
{
    struct bytes encoding = header_of(put, "content-encoding");
    if (encoding.n && !bytes_eq_str_nocase(encoding, "identity"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(packed_types); i++)
        if (type_fits(bytes_str(packed_types[i]), type))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(packed_extensions); i++)
        if (extension_fits(bytes_str(packed_extensions[i]), put->key))
            return true;
    return false;
}

void api_put_compress(struct req *r, struct store_put *put)
{
    const struct config *cfg = r->server->config;
    enum bucket_compress said = authorize_settings(r)->compress;
    put->compress = false;
    if (said == BUCKET_COMPRESS_OFF || (said == BUCKET_COMPRESS_UNSAID && !cfg->compress))
        return;
    struct bytes type = header_of(put, "content-type");
    ptrdiff_t semicolon = bytes_find_char(type, ';', 0);
    if (semicolon >= 0)
        type = bytes_trim(bytes_cut(type, 0, (size_t)semicolon));
    bool anything = !*cfg->compress_types && !*cfg->compress_extensions;
    put->compress = (anything || listed(cfg->compress_types, type, type_fits) ||
                     listed(cfg->compress_extensions, put->key, extension_fits)) &&
                    !is_packed(put, type);
}

void api_part_compress(struct req *r, const struct store_upload *u, struct store_put *part)
{
    struct store_put whole = {.key = u->key, .headers = u->headers, .n_headers = u->n_headers};
    api_put_compress(r, &whole);
    part->compress = whole.compress;
}
