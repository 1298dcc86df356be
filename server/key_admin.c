/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as JSON, and refusals as lines for people; see include/key_admin.h. Threads: any that may block.
 */
#include "key_admin.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "key_service.h"
#include "master_key.h"
#include "server/http/date.h"

#define PAGE 100

/* ---- answers ---- */

/* Takes `j`. */
static struct keys_answer answer_json(struct arena *a, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    struct bytes copy = bytes_str(bytes_cstr(a, bytes_str(text)));
    free(text);
    json_decref(j);
    return (struct keys_answer){KEYRING_OK, copy};
}

static struct keys_answer refuse(struct arena *a, int rc, struct bytes name)
{
    const char *why = keyring_rc_name(rc);
    struct bytes shown = rc != KEYRING_INVALID_NAME ? name : BYTES_NONE;
    return (struct keys_answer){rc, shown.n ? arena_bytesf(a, "%.*s: %s", (int)shown.n, shown.p, why)
                                            : bytes_str(bytes_cstr(a, bytes_str(why)))};
}

static json_t *time_json(int64_t ms)
{
    char text[DATE_ISO_SECONDS_LEN + 1];
    date_format_iso_seconds(date_seconds_of_ms(ms), text);
    return json_stringn(text, DATE_ISO_SECONDS_LEN);
}

static json_t *key_json(const struct keyring_key *k)
{
    return json_pack("{s:s%,s:i,s:i,s:b,s:b,s:o,s:o,s:b,s:I}", "name", k->name.p, k->name.n, "versions",
                     (int)k->versions, "current", (int)k->current, "disabled", k->disabled, "available", k->available,
                     "created", time_json(k->created_ms), "rotated", time_json(k->rotated_ms), "resealing",
                     k->resealing, "resealed", (json_int_t)k->resealed);
}

/* ---- telling ---- */

static json_t *master_json(const struct master_key *m)
{
    static const char *const sources[] = {[MASTER_KEY_FROM_SETTING] = "setting",
                                          [MASTER_KEY_FROM_CREDENTIAL] = "credential",
                                          [MASTER_KEY_FROM_ENVIRONMENT] = "environment",
                                          [MASTER_KEY_FROM_FOLDER] = "folder"};
    const char *problem = m->crypt ? NULL : m->problem;
    if (m->crypt && m->from != MASTER_KEY_FROM_ENVIRONMENT && access(m->path, F_OK) != 0)
        problem = "its file is no longer there: the next start needs --master-key-file, or the file again";
    return json_pack("{s:b,s:s,s:s,s:s*}", "available", m->crypt != NULL, "from", sources[m->from], "place", m->path,
                     "problem", problem);
}

struct keys_answer keys_list(const struct keys_admin *o, struct arena *a)
{
    json_t *rows = json_array(), *j;
    struct bytes after = BYTES_NONE;
    bool more = true;
    while (more) {
        struct keyring_key *keys;
        size_t n;
        keyring_list(o->keyring, after, PAGE, a, &keys, &n, &more); /* from memory: it cannot fail */
        for (size_t i = 0; i < n; i++)
            json_array_append_new(rows, key_json(&keys[i]));
        more = more && n > 0;
        after = n ? keys[n - 1].name : after;
    }
    j = json_pack("{s:o,s:o,s:o}", "masterKey", master_json(o->master), "keyService",
                  o->service ? json_string(o->service->name) : json_null(), "keys", rows);
    return answer_json(a, j);
}

struct keys_answer keys_get(const struct keys_admin *o, struct bytes name, struct arena *a)
{
    struct keyring_key k;
    int rc = keyring_get(o->keyring, name, a, &k);
    return rc == KEYRING_OK ? answer_json(a, key_json(&k)) : refuse(a, rc, name);
}

/* ---- changing ---- */

static struct keys_answer afterwards(const struct keys_admin *o, int rc, struct bytes name, struct arena *a)
{
    return rc == KEYRING_OK ? keys_get(o, name, a) : refuse(a, rc, name);
}

struct keys_answer keys_create(const struct keys_admin *o, struct bytes name, struct arena *a)
{
    return afterwards(o, keyring_create(o->keyring, name), name, a);
}

struct keys_answer keys_create_of_json(const struct keys_admin *o, struct bytes text, struct arena *a)
{
    const struct keys_answer malformed = {KEYRING_INVALID_NAME,
                                          BYTES_LIT("a key is asked for by a JSON object: {\"name\": \"...\"}")};
    json_t *j = text.n && text.n <= KEYS_BODY_MAX ? json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *name = json_object_get(j, "name");
    struct keys_answer answer = malformed;
    if (json_is_string(name) && json_object_size(j) == 1)
        answer = keys_create(o, bytes_dup(a, bytes_of(json_string_value(name), json_string_length(name))), a);
    json_decref(j);
    return answer;
}

struct keys_answer keys_rotate(const struct keys_admin *o, struct bytes name, struct arena *a)
{
    return afterwards(o, keyring_rotate(o->keyring, name), name, a);
}

struct keys_answer keys_set_disabled(const struct keys_admin *o, struct bytes name, bool disabled, struct arena *a)
{
    return afterwards(o, keyring_set_disabled(o->keyring, name, disabled), name, a);
}

struct keys_answer keys_delete(const struct keys_admin *o, struct bytes name, struct arena *a)
{
    struct keyring_key k = {0};
    uint64_t uses = 0;
    int rc = keyring_delete(o->keyring, name, &uses);
    if (rc == KEYRING_OK)
        return answer_json(a, json_pack("{s:s%}", "name", name.p, name.n));
    if (rc != KEYRING_IN_USE || keyring_get(o->keyring, name, a, &k) != KEYRING_OK)
        return refuse(a, rc, name);
    const char *why = "it sealed something within the last hour, which may still be on its way; try again later";
    if (bytes_eq_str(name, KEYRING_S3_KEY) || bytes_eq_str(name, KEYRING_KMS_DEFAULT))
        why = "it is one of the two keys that have to be there";
    else if (!k.disabled)
        why = "disable it first, and see what no longer works";
    struct bytes text = uses ? arena_bytesf(a, "%.*s: %llu objects, versions and uploads are encrypted with it",
                                            (int)name.n, name.p, (unsigned long long)uses)
                             : arena_bytesf(a, "%.*s: %s", (int)name.n, name.p, why);
    return (struct keys_answer){rc, text};
}
