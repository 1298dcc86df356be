/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SRC and DEST name, and with which keys. Idea: a place is a folder, s3://bucket/prefix at some endpoint, a bare
 * bucket of the Pail that commands speak to, or mc's alias/bucket/prefix. Keys come from flags, then the environment,
 * then a profile of ~/.aws/credentials; without any, requests are not signed (or, on the Pail's side, carry its
 * default keys).
 * Threads: the first one.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/place.h"
#include "admin/url.h"
#include "base/check.h"

#define FILE_MAX    (1u << 20)
#define DEFAULT_KEY "minioadmin"
#define S3_SCHEME   "s3://"

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *first_of(const char *given, const char *const *names)
{
    for (; !given && *names; names++)
        given = environment(*names);
    return given;
}

static struct bytes read_file(const char *path, struct arena *a)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *p = arena_alloc(a, FILE_MAX);
    size_t n = 0;
    for (ssize_t got; fd >= 0 && (got = read(fd, p + n, FILE_MAX - n)) > 0;)
        n += (size_t)got;
    if (fd >= 0)
        close(fd);
    arena_keep_secret(a);
    return bytes_of(p, n);
}

static struct bytes home_file(const char *variable, const char *below, struct arena *a)
{
    const char *path = variable ? environment(variable) : NULL, *home = environment("HOME");
    if (!path && !home)
        return BYTES_NONE;
    return read_file(path ? path : arena_printf(a, "%s/%s", home, below), a);
}

/* ---- keys ---- */

struct bytes place_ini_value(struct bytes text, const char *section, const char *key)
{
    bool inside = false;
    for (size_t at = 0; at < text.n;) {
        ptrdiff_t end = bytes_find_char(text, '\n', at);
        struct bytes line = bytes_cut(text, at, (end < 0 ? text.n : (size_t)end) - at);
        at += line.n + 1;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = bytes_trim(line);
        ptrdiff_t eq = bytes_find_char(line, '=', 0);
        if (line.n > 2 && line.p[0] == '[' && line.p[line.n - 1] == ']')
            inside = bytes_eq_str(bytes_trim(bytes_cut(line, 1, line.n - 2)), section);
        else if (inside && eq > 0 && bytes_eq_str_nocase(bytes_trim(bytes_cut(line, 0, (size_t)eq)), key))
            return bytes_trim(bytes_cut(line, (size_t)eq + 1, line.n));
    }
    return BYTES_NONE;
}

static bool take_profile(struct place *p, const char *profile, struct arena *a)
{
    struct bytes file = home_file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", a);
    struct bytes user = place_ini_value(file, profile, "aws_access_key_id");
    struct bytes password = place_ini_value(file, profile, "aws_secret_access_key");
    struct bytes token = place_ini_value(file, profile, "aws_session_token");
    struct bytes region = place_ini_value(file, profile, "region");
    if (!user.n || !password.n)
        return false;
    p->access_key = bytes_cstr(a, user);
    p->secret_key = bytes_cstr(a, password);
    p->token = token.n ? bytes_cstr(a, token) : NULL;
    if (!p->region && region.n)
        p->region = bytes_cstr(a, region);
    return true;
}

/* The pairs of names that the environment may have; those of the Pail count on its side alone. */
static bool take_environment(struct place *p, bool own, char error[256])
{
    static const char *const pairs[][3] = {{"PAIL_ROOT_USER", "PAIL_ROOT_PASSWORD", NULL},
                                           {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", NULL},
                                           {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}};
    for (size_t i = own ? 0 : 2; i < ARRAY_LEN(pairs); i++) {
        const char *user = environment(pairs[i][0]), *password = environment(pairs[i][1]);
        if (!user != !password) {
            snprintf(error, 256, "%s is set and %s is not", pairs[i][user ? 0 : 1], pairs[i][user ? 1 : 0]);
            return false;
        }
        if (user) {
            p->access_key = user;
            p->secret_key = password;
            p->token = pairs[i][2] ? environment(pairs[i][2]) : NULL;
            return true;
        }
    }
    return true;
}

static bool find_keys(struct place *p, const struct place_flags *f, bool own, struct arena *a, char error[256])
{
    const char *profile = f->profile ? f->profile : own ? NULL : environment("AWS_PROFILE");
    if (!f->access_key != !f->secret_key) {
        snprintf(error, 256, "an access key needs a secret key, and a secret key an access key");
        return false;
    }
    if (f->access_key) {
        p->access_key = f->access_key;
        p->secret_key = f->secret_key;
        p->token = f->token;
        return true;
    }
    if (profile && !take_profile(p, profile, a)) {
        snprintf(error, 256, "~/.aws/credentials has no keys of profile \"%.100s\"", profile);
        return false;
    }
    if (p->access_key)
        return true;
    if (!take_environment(p, own, error))
        return false;
    if (!p->access_key && own)
        p->access_key = p->secret_key = DEFAULT_KEY;
    else if (!p->access_key)
        take_profile(p, "default", a);
    return true;
}

/* ---- mc's aliases ---- */

/* MC_HOST_name=https://KEY:SECRET@host */
static bool alias_of_environment(struct place *p, struct bytes name, struct arena *a)
{
    const char *value = environment(arena_printf(a, "MC_HOST_%.*s", (int)name.n, name.p));
    const char *host = value ? strstr(value, "://") : NULL, *at = host ? strrchr(host, '@') : NULL;
    const char *colon = at ? memchr(host + 3, ':', (size_t)(at - host - 3)) : NULL;
    if (!host)
        return false;
    if (!colon) {
        p->endpoint = value;
        return true;
    }
    p->endpoint = arena_printf(a, "%.*s%s", (int)(host + 3 - value), value, at + 1);
    p->access_key = bytes_cstr(a, url_decode(a, bytes_of(host + 3, (size_t)(colon - host - 3))));
    struct bytes rest = bytes_of(colon + 1, (size_t)(at - colon - 1)); /* SECRET or SECRET:TOKEN */
    ptrdiff_t token = bytes_find_char(rest, ':', 0);
    p->secret_key = bytes_cstr(a, url_decode(a, bytes_cut(rest, 0, token < 0 ? rest.n : (size_t)token)));
    if (token >= 0)
        p->token = bytes_cstr(a, bytes_cut(rest, (size_t)token + 1, rest.n));
    return true;
}

static bool alias_of_file(struct place *p, struct bytes name, struct arena *a)
{
    const char *folder = environment("MC_CONFIG_DIR");
    struct bytes text =
        folder ? read_file(arena_printf(a, "%s/config.json", folder), a) : home_file(NULL, ".mc/config.json", a);
    json_t *j = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    json_t *one = json_object_get(json_object_get(j, "aliases"), bytes_cstr(a, name));
    const char *url = json_string_value(json_object_get(one, "url"));
    const char *user = json_string_value(json_object_get(one, "accessKey"));
    const char *password = json_string_value(json_object_get(one, "secretKey"));
    const char *token = json_string_value(json_object_get(one, "sessionToken"));
    if (url) {
        p->endpoint = bytes_cstr(a, bytes_str(url));
        p->access_key = user && *user ? bytes_cstr(a, bytes_str(user)) : NULL;
        p->secret_key = p->access_key ? bytes_cstr(a, bytes_str(password ? password : "")) : NULL;
        p->token = token && *token ? bytes_cstr(a, bytes_str(token)) : NULL;
    }
    json_decref(j);
    return p->endpoint != NULL;
}

/* ---- what is named ---- */

static bool take_bucket(struct place *p, struct bytes rest, struct arena *a, char error[256])
{
    ptrdiff_t slash = bytes_find_char(rest, '/', 0);
    struct bytes bucket = bytes_cut(rest, 0, slash < 0 ? rest.n : (size_t)slash);
    struct bytes prefix = slash < 0 ? BYTES_NONE : bytes_cut(rest, (size_t)slash + 1, rest.n);
    for (size_t i = 0; i < bucket.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_", bucket.p[i])) {
            snprintf(error, 256, "\"%.*s\" is no name of a bucket", (int)(bucket.n < 100 ? bucket.n : 100), bucket.p);
            return false;
        }
    p->bucket = bytes_cstr(a, bucket);
    p->prefix = !prefix.n || bytes_ends(prefix, BYTES_LIT("/")) ? bytes_cstr(a, prefix)
                                                                : arena_printf(a, "%.*s/", (int)prefix.n, prefix.p);
    return true;
}

static bool take_endpoint(struct place *p, const struct place_flags *f, bool own, struct arena *a, char error[256])
{
    static const char *const own_names[] = {"PAIL_ENDPOINT", "AWS_ENDPOINT_URL", NULL};
    static const char *const names[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", NULL};
    static const char *const own_regions[] = {"PAIL_REGION", "MINIO_SITE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION",
                                              NULL};
    if (!p->region)
        p->region = first_of(f->region, own ? own_regions : own_regions + 2);
    if (!p->region)
        p->region = PLACE_REGION;
    if (!p->endpoint)
        p->endpoint = first_of(f->endpoint, own ? own_names : names);
    if (!p->endpoint)
        p->endpoint = own ? PLACE_ENDPOINT : arena_printf(a, "https://s3.%s.amazonaws.com", p->region);
    if (strncasecmp(p->endpoint, "http://", 7) != 0 && strncasecmp(p->endpoint, "https://", 8) != 0) {
        snprintf(error, 256, "the endpoint \"%.100s\" has to begin with http:// or https://", p->endpoint);
        return false;
    }
    size_t n = strlen(p->endpoint);
    while (n && p->endpoint[n - 1] == '/')
        n--;
    p->endpoint = bytes_cstr(a, bytes_of(p->endpoint, n));
    return true;
}

bool place_read(const char *text, const struct place_flags *f, bool own, struct arena *a, struct place *ret,
                char error[256])
{
    struct place p = {.ca_file = f->ca_file, .prefix = ""};
    struct bytes all = bytes_str(text);
    ptrdiff_t slash = bytes_find_char(all, '/', 0);
    struct bytes first = bytes_cut(all, 0, slash < 0 ? all.n : (size_t)slash);
    bool s3 = bytes_starts(all, BYTES_LIT(S3_SCHEME));
    bool path = all.n && (all.p[0] == '/' || all.p[0] == '.');
    bool alias = !s3 && !path && !f->endpoint && slash >= 0 &&
                 (alias_of_environment(&p, first, a) || alias_of_file(&p, first, a));
    if (!s3 && !alias && (path || !own)) {
        if (own) {
            snprintf(error, 256, "\"%.150s\" has to be a bucket: bucket/prefix or s3://bucket/prefix", text);
            return false;
        }
        *ret = (struct place){.folder = text, .prefix = ""};
        return all.n > 0 || (snprintf(error, 256, "a folder needs a name"), false);
    }
    struct bytes rest = s3      ? bytes_cut(all, sizeof S3_SCHEME - 1, all.n)
                        : alias ? bytes_cut(all, (size_t)slash + 1, all.n)
                                : all;
    bool with_keys = p.access_key != NULL;
    if (!take_bucket(&p, rest, a, error) || (!with_keys && !alias && !find_keys(&p, f, own, a, error)) ||
        !take_endpoint(&p, f, own, a, error))
        return false;
    *ret = p;
    return true;
}

const char *place_text(const struct place *p, struct arena *a)
{
    return p->folder ? p->folder : arena_printf(a, "%s/%s/%s", p->endpoint, p->bucket, p->prefix);
}
