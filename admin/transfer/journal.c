/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which uploads of parts are open. Idea: objects that have arrived are found by listing the destination, so only
 * uploads that a kill left open need to be known: a line when one begins, a line when it ends, each one write in
 * append mode. The file is named after what is moved where, locked while a run uses it, holds no secret, and goes when
 * nothing is open. A line that a crash or a full disk cut short is passed over, and spoils no other, since each line
 * brings the newline before it, not the one after it. A kill between the answer that names an upload and
 * its line leaves an upload that holds nothing; it is not looked for, since it could not be told from somebody else's
 * of the same key, and is left to the bucket's rule for uploads that are not finished.
 * Threads: any; a lock inside.
 */
#include "admin/transfer/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checksum.h"

#define LINE_ROOM 8192

struct open_upload {
    char *upload, *key_hex, *etag;
    uint64_t size, part_size;
    bool over;
};

struct journal {
    pthread_mutex_t lock;
    int fd;
    bool was_there;
    char path[1024];
    struct open_upload *uploads;
    size_t n, room;
};

/* $XDG_STATE_HOME/pail/transfer-<hash>.jsonl */
static bool own_path(char path[1024], const char *from, const char *to)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    unsigned char digest[32];
    char hex[25] = "", both[4096];
    int n = snprintf(both, sizeof both, "%s\n%s", from, to);
    sha256_of(both, strnlen(both, sizeof both), digest);
    hex_encode(digest, 12, hex);
    if (n < 0 || ((!state || !*state) && (!home || !*home)))
        return false;
    if (state && *state)
        n = snprintf(path, 1024, "%s/pail", state);
    else
        n = snprintf(path, 1024, "%s/.local/state/pail", home);
    if (n < 0 || n > 900)
        return false;
    for (char *p = path + 1; *p; p++) /* the folders above, where they are missing */
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0700);
            *p = '/';
        }
    mkdir(path, 0700);
    snprintf(path + n, 1024 - (size_t)n, "/transfer-%s.jsonl", hex);
    return true;
}

static struct open_upload *find(struct journal *j, const char *upload)
{
    for (size_t i = 0; i < j->n; i++)
        if (strcmp(j->uploads[i].upload, upload) == 0)
            return &j->uploads[i];
    return NULL;
}

static struct open_upload *add(struct journal *j, const char *upload, const char *key_hex, const char *etag)
{
    if (j->n == j->room)
        j->uploads = xrealloc(j->uploads, (j->room = j->room ? j->room * 2 : 16) * sizeof *j->uploads);
    struct open_upload *u = &j->uploads[j->n++];
    *u = (struct open_upload){.upload = xstrdup(upload), .key_hex = xstrdup(key_hex), .etag = xstrdup(etag)};
    return u;
}

static void read_line(struct journal *j, const char *line, size_t n)
{
    json_t *o = json_loadb(line, n, 0, NULL);
    const char *begin = json_string_value(json_object_get(o, "begin")),
               *end = json_string_value(json_object_get(o, "end"));
    const char *key = json_string_value(json_object_get(o, "key")),
               *etag = json_string_value(json_object_get(o, "etag"));
    struct open_upload *u = end ? find(j, end) : NULL;
    if (u)
        u->over = true;
    if (begin && key && etag && !find(j, begin)) {
        u = add(j, begin, key, etag);
        u->size = (uint64_t)json_integer_value(json_object_get(o, "size"));
        u->part_size = (uint64_t)json_integer_value(json_object_get(o, "part_size"));
    }
    json_decref(o);
}

static void read_all(struct journal *j)
{
    FILE *f = fopen(j->path, "re");
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; f && (n = getline(&line, &room, f)) > 0;)
        read_line(j, line, (size_t)n);
    free(line);
    if (f)
        fclose(f);
}

struct journal *journal_open(const char *path, const char *from, const char *to, char error[256])
{
    struct journal *j = xcalloc(1, sizeof *j);
    pthread_mutex_init(&j->lock, NULL);
    if (path)
        snprintf(j->path, sizeof j->path, "%s", path);
    bool named = path || own_path(j->path, from, to);
    j->was_there = named && access(j->path, F_OK) == 0;
    j->fd = named ? open(j->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (j->fd < 0) {
        snprintf(error, 256, "no journal of open uploads can be kept (%.150s): --journal FILE names a place",
                 named ? strerror(errno) : "there is no HOME");
    } else if (flock(j->fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error, 256, "another run does the same right now (it holds %.180s)", j->path);
    } else {
        read_all(j);
        return j;
    }
    if (j->fd >= 0)
        close(j->fd);
    free(j);
    return NULL;
}

bool journal_was_there(const struct journal *j)
{
    return j->was_there;
}

static void append(struct journal *j, const json_t *o)
{
    char text[LINE_ROOM] = "\n";
    size_t n = json_dumpb(o, text + 1, sizeof text - 1, JSON_COMPACT);
    if (n && n < sizeof text)
        (void)!write(j->fd, text, n + 1);
}

static char *hex_of(struct bytes key)
{
    char *hex = xmalloc(key.n * 2 + 1);
    hex_encode(key.p, key.n, hex);
    hex[key.n * 2] = '\0';
    return hex;
}

const char *journal_find(struct journal *j, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                         struct arena *a)
{
    const char *found = NULL;
    char *hex = hex_of(key);
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < j->n && !found; i++) {
        const struct open_upload *u = &j->uploads[i];
        if (!u->over && strcmp(u->key_hex, hex) == 0 && strcmp(u->etag, etag) == 0 && u->size == size &&
            u->part_size == part_size)
            found = bytes_cstr(a, bytes_str(u->upload));
    }
    pthread_mutex_unlock(&j->lock);
    free(hex);
    return found;
}

void journal_begin(struct journal *j, struct bytes key, const char *etag, uint64_t size, uint64_t part_size,
                   const char *upload)
{
    char *hex = hex_of(key);
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I}", "begin", upload, "key", hex, "etag", etag, "size",
                          (json_int_t)size, "part_size", (json_int_t)part_size);
    pthread_mutex_lock(&j->lock);
    struct open_upload *u = add(j, upload, hex, etag);
    u->size = size;
    u->part_size = part_size;
    append(j, o);
    pthread_mutex_unlock(&j->lock);
    free(hex);
    json_decref(o);
}

void journal_end(struct journal *j, const char *upload)
{
    json_t *o = json_pack("{s:s}", "end", upload);
    pthread_mutex_lock(&j->lock);
    struct open_upload *u = find(j, upload);
    if (u)
        u->over = true;
    append(j, o);
    pthread_mutex_unlock(&j->lock);
    json_decref(o);
}

void journal_close(struct journal *j, void (*open_one)(void *, struct bytes, const char *), void *arg)
{
    size_t open_n = 0;
    if (!j)
        return;
    for (size_t i = 0; i < j->n; i++) {
        struct open_upload *u = &j->uploads[i];
        size_t n = strlen(u->key_hex) / 2;
        char *key = xmalloc(n + 1);
        if (!u->over && open_one && hex_decode(bytes_str(u->key_hex), key, n)) {
            open_one(arg, bytes_of(key, n), u->upload);
            u->over = true;
        }
        open_n += !u->over;
        free(key);
        free(u->upload);
        free(u->key_hex);
        free(u->etag);
    }
    if (!open_n)
        unlink(j->path);
    close(j->fd);
    pthread_mutex_destroy(&j->lock);
    free(j->uploads);
    free(j);
}
