/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: making, listing, deleting; and the table of their names and canonical ids in memory.
 *
 * An account is a handful of records that are made in one change and go in one change. What it owns is made by others:
 * users and the like under the same lock as here, buckets without it. So a deletion looks for buckets with the lock
 * held, and who has made a bucket asks accounts_keeps afterwards: one of the two sees the other.
 *
 * The table only grows: objects of an account that is gone may lie in other accounts' buckets, and ids are never given
 * twice. Threads: see accounts.h; identities_owner: any.
 */
#include "accounts.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/rand.h"
#include "config.h"
#include "server/auth/auth.h"
#include "server/http/date.h"
#include "master_key.h"
#include "server/iam/iam_api.h"
#include "server/identity.h"
#include "server/json_text.h"

#define ID_FIRST   UINT64_C(100000000000)
#define ID_COUNT   UINT64_C(900000000000)
#define LOAD_PAGE  500
#define NEVER_KEY  "minioadmin" /* of a first account whose keys were not set */
#define BLOCK_KEYS "public-access/"

_Static_assert(ACCOUNT_SECRET_MAX <= AUTH_SECRET_MAX && ACCOUNT_KEY_MAX <= AUTH_ACCESS_KEY_MAX,
               "what requests may have");

/* ---- owners ---- */

struct owner_entry {
    struct owner_entry *next;
    char id[IAM_ACCOUNT_ID_LEN];
    struct iam_owner owner;
};

static size_t slot_of(struct bytes id)
{
    uint64_t number = 0;
    (void)bytes_to_u64(id, UINT64_MAX, &number);
    return number % OWNER_SLOTS;
}

bool identities_owner(const struct identities *ids, struct bytes account, struct iam_owner *ret)
{
    if (account.n != IAM_ACCOUNT_ID_LEN)
        return false;
    const struct owner_entry *e = atomic_load_explicit(&ids->owners[slot_of(account)], memory_order_acquire);
    while (e && memcmp(e->id, account.p, IAM_ACCOUNT_ID_LEN) != 0)
        e = e->next;
    if (e)
        *ret = e->owner;
    return e != NULL;
}

void owners_add(struct identities *ids, struct bytes id, struct bytes canonical_id, struct bytes name)
{
    struct iam_owner known;
    if (id.n != IAM_ACCOUNT_ID_LEN || identities_owner(ids, id, &known))
        return;
    struct owner_entry *e = arena_new(ids->forever, struct owner_entry);
    struct owner_entry *_Atomic *slot = &ids->owners[slot_of(id)];
    memcpy(e->id, id.p, IAM_ACCOUNT_ID_LEN);
    e->owner = (struct iam_owner){bytes_dup(ids->forever, canonical_id), bytes_dup(ids->forever, name)};
    e->next = atomic_load_explicit(slot, memory_order_relaxed);
    atomic_store_explicit(slot, e, memory_order_release);
}

static int load_owners_below(struct identities *ids, struct bytes prefix)
{
    struct buf after;
    bool more = true;
    int rc = STORE_OK;
    buf_init(&after, STORE_DOC_KEY_MAX);
    while (more && rc == STORE_OK) {
        struct arena *a = arena_create(0);
        struct store_doc *docs;
        size_t n = 0;
        rc = store_doc_list(ids->store, prefix, buf_bytes(&after), LOAD_PAGE, a, &docs, &n, &more);
        for (size_t i = 0; rc == STORE_OK && i < n; i++) {
            json_t *record = json_loadb(docs[i].value.p, docs[i].value.n, 0, NULL);
            if (!record) {
                rc = STORE_CORRUPT;
                break;
            }
            owners_add(ids, bytes_cut(docs[i].key, prefix.n, docs[i].key.n), record_text(record, "canonical"),
                       record_text(record, "name"));
            json_decref(record);
        }
        buf_reset(&after);
        if (rc == STORE_OK && n)
            buf_put_bytes(&after, docs[n - 1].key);
        arena_free(a);
    }
    buf_fini(&after);
    return rc;
}

bool owners_load(struct identities *ids, char error[512])
{
    int rc = load_owners_below(ids, BYTES_LIT(ACCOUNT_KEYS));
    if (rc == STORE_OK)
        rc = load_owners_below(ids, BYTES_LIT(GONE_KEYS));
    if (rc != STORE_OK)
        snprintf(error, 512, "the accounts cannot be read: %s", store_rc_name(rc));
    return rc == STORE_OK;
}

/* ---- without a server ---- */

struct identities *accounts_open(struct store *store, const struct config *cfg, const char *data_dir, char error[512])
{
    struct identities *ids = NULL;
    struct master_key key;
    char environment[MASTER_KEY_TEXT];
    master_key_take_environment(environment);
    struct master_key_options ko = {
        .store = store, .data_dir = data_dir, .file = cfg->master_key_file, .environment = environment};
    bool good = master_key_open(&ko, &key, error);
    OPENSSL_cleanse(environment, sizeof environment);
    if (!good)
        return NULL;
    struct identities_options o = {.store = store, .config = cfg, .crypt = key.crypt};
    if (!identities_open(&o, &ids, error)) {
        master_key_close(&key);
        return NULL;
    }
    ids->offline = true;
    ids->own_crypt = key.crypt;
    return ids;
}

void accounts_close(struct identities **ids)
{
    identities_close(ids);
}

/* ---- answers ---- */

static struct accounts_answer answer(struct arena *a, enum accounts_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static struct accounts_answer answer(struct arena *a, enum accounts_rc rc, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return (struct accounts_answer){.rc = rc, .text = bytes_str(bytes_cstr(a, bytes_str(text)))};
}

static const struct accounts_answer fine = {.rc = ACCOUNTS_OK};

static struct accounts_answer trouble(struct arena *a, int store_rc)
{
    struct accounts_answer ret = answer(a, ACCOUNTS_TROUBLE, "the store: %s", store_rc_name(store_rc));
    ret.store_rc = store_rc;
    return ret;
}

static void wipe_text(void *p)
{
    OPENSSL_cleanse(p, strlen(p));
    free(p);
}

static struct accounts_answer answer_json(struct arena *a, const json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    arena_defer(a, wipe_text, text);
    return (struct accounts_answer){.rc = ACCOUNTS_OK, .text = bytes_str(text)};
}

/* What jansson holds of a secret is not wiped by jansson. */
static void wipe_member(json_t *j, const char *name)
{
    struct bytes text = record_text(j, name);
    if (text.n)
        OPENSSL_cleanse((char *)text.p, text.n);
}

static json_t *text_or_null(struct bytes text)
{
    return text.n ? json_of_bytes(text) : json_null();
}

/* As it is shown, without secrets. The first account's keys are settings; another one's root has those of its list. */
static json_t *shown(const struct identities *ids, const json_t *record)
{
    char created[DATE_ISO_SECONDS_LEN + 1];
    bool first = bytes_eq_str(record_text(record, "id"), ROOT_ACCOUNT_ID);
    struct bytes key = json_bytes(json_array_get(json_object_get(record, "keys"), 0));
    if (first)
        key = ids->offline && ids->config->default_credentials ? BYTES_NONE : bytes_str(ids->config->root_user);
    date_format_iso_seconds(date_seconds_of_ms(record_number(record, "created")), created);
    json_t *j = json_object();
    json_object_set_new(j, "id", json_of_bytes(record_text(record, "id")));
    json_object_set_new(j, "canonicalId", json_of_bytes(record_text(record, "canonical")));
    json_object_set_new(j, "name", json_of_bytes(record_text(record, "name")));
    json_object_set_new(j, "email", text_or_null(record_text(record, "email")));
    json_object_set_new(j, "created", json_stringn(created, DATE_ISO_SECONDS_LEN));
    json_object_set_new(j, "accessKey", text_or_null(key));
    return j;
}

/* ---- what may be asked for ---- */

static bool all_of(struct bytes text, const char *others, bool printable)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && !(printable ? c > ' ' && c <= '~' : c != '\0'))
            return false;
        if (!plain && !printable && !strchr(others, c))
            return false;
    }
    return true;
}

static bool is_id(struct bytes text)
{
    uint64_t number;
    return text.n == IAM_ACCOUNT_ID_LEN && bytes_to_u64(text, UINT64_MAX, &number);
}

static bool is_email(struct bytes text)
{
    ptrdiff_t at = bytes_find_char(text, '@', 0);
    return text.n <= ACCOUNT_EMAIL_MAX && at > 0 && (size_t)at + 1 < text.n && all_of(text, "", true) &&
           bytes_find_char(text, '@', (size_t)at + 1) < 0 && bytes_find_char(text, '"', 0) < 0 &&
           bytes_find_char(text, ',', 0) < 0;
}

/* NULL: it is well-formed. */
static const char *fault_of(const struct account_wish *w)
{
    if (!w->name.n || w->name.n > ACCOUNT_NAME_MAX || !all_of(w->name, "._-", false) || w->name.p[0] == '.')
        return "the name of an account has 1 to 64 letters, digits, '.', '_' and '-', and does not begin with '.'";
    if (is_id(w->name))
        return "the name of an account must not look like an account id (12 digits)";
    if (w->email.n && !is_email(w->email))
        return "this is no e-mail address: at most 254 characters with one '@', no spaces, commas or quotes";
    if (!w->access_key.n != !w->secret_key.n)
        return "access key and secret key are given both or neither";
    if (!w->access_key.n)
        return NULL;
    if (w->access_key.n < ACCOUNT_KEY_MIN || w->access_key.n > ACCOUNT_KEY_MAX ||
        !all_of(w->access_key, "._-+=@", false))
        return "an access key has 3 to 128 letters, digits, '.', '_', '-', '+', '=' and '@'";
    if (w->access_key.n == IAM_ACCESS_KEY_LEN && bytes_starts(w->access_key, BYTES_LIT("ASIA")))
        return "access keys that begin with ASIA are those of sessions";
    if (w->secret_key.n < ACCOUNT_SECRET_MIN || w->secret_key.n > ACCOUNT_SECRET_MAX ||
        !all_of(w->secret_key, "", true))
        return "a secret key has 8 to 128 printable characters without spaces";
    return NULL;
}

/* STORE_OK: it is free; STORE_CONFLICT: taken. */
static int is_free(struct identities *ids, struct arena *a, struct bytes key)
{
    struct bytes text;
    int rc = store_doc_get(ids->store, key, a, &text);
    return rc == STORE_OK ? STORE_CONFLICT : rc == STORE_NO_SUCH_SETTING ? STORE_OK : rc;
}

static struct accounts_answer check_free(struct identities *ids, const struct account_wish *w, struct arena *a)
{
    const struct {
        struct bytes key;
        const char *what;
        struct bytes value;
    } wanted[] = {{key_of_account_name(a, w->name), "name", w->name},
                  {key_of_email(a, w->email), "e-mail address", w->email},
                  {key_of_access_key(a, w->access_key), "access key", w->access_key}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        int rc = wanted[i].value.n ? is_free(ids, a, wanted[i].key) : STORE_OK;
        bool setting =
            i == 2 && (bytes_eq_str(w->access_key, ids->config->root_user) || bytes_eq_str(w->access_key, NEVER_KEY));
        if (rc == STORE_CONFLICT || setting)
            return answer(a, ACCOUNTS_EXISTS, "the %s \"%.*s\" is taken already", wanted[i].what,
                          (int)wanted[i].value.n, wanted[i].value.p);
        if (rc != STORE_OK)
            return trouble(a, rc);
    }
    return fine;
}

static struct accounts_answer check_room(struct identities *ids, struct arena *a)
{
    struct store_doc *docs;
    size_t n;
    bool more;
    int rc = store_doc_list(ids->store, BYTES_LIT(ACCOUNT_KEYS), BYTES_NONE, ACCOUNTS_MAX, a, &docs, &n, &more);
    if (rc != STORE_OK)
        return trouble(a, rc);
    if (n >= ACCOUNTS_MAX)
        return answer(a, ACCOUNTS_LIMIT, "there are %d accounts, as many as a server takes", ACCOUNTS_MAX);
    return fine;
}

/* ---- making ---- */

/* An id that no account has or had. */
static int new_id(struct identities *ids, struct arena *a, struct bytes *ret)
{
    int rc;
    do {
        *ret = arena_bytesf(a, "%llu", (unsigned long long)(ID_FIRST + rand_u64() % ID_COUNT));
        rc = is_free(ids, a, key_of_account(a, *ret));
        if (rc == STORE_OK)
            rc = is_free(ids, a, key_of_gone_account(a, *ret));
    } while (rc == STORE_CONFLICT);
    return rc;
}

static struct bytes new_canonical_id(struct arena *a)
{
    unsigned char random[ACL_CANONICAL_ID_LEN / 2];
    char *p = arena_alloc(a, ACL_CANONICAL_ID_LEN);
    rand_bytes(random, sizeof random);
    hex_encode(random, sizeof random, p);
    return bytes_of(p, ACL_CANONICAL_ID_LEN);
}

static json_t *new_record(struct arena *a, const struct account_wish *w, struct bytes id)
{
    json_t *record = json_in(a, json_object());
    json_object_set_new(record, "id", json_of_bytes(id));
    json_object_set_new(record, "canonical", json_of_bytes(new_canonical_id(a)));
    json_object_set_new(record, "name", json_of_bytes(w->name));
    json_object_set_new(record, "email", json_of_bytes(w->email));
    json_object_set_new(record, "created", json_integer(clock_wall_ms()));
    json_object_set_new(record, "gen", json_integer(1));
    json_array_append_new(record_list(record, "keys"), json_of_bytes(w->access_key));
    return record;
}

/* The wish is whole: with keys. */
static int write_account(struct identities *ids, struct arena *a, const struct account_wish *w, struct bytes id,
                         const json_t *record)
{
    struct change c = {.ids = ids, .arena = a};
    change_put(&c, key_of_account(a, id), record);
    change_put_text(&c, key_of_canonical(a, record_text(record, "canonical")), id);
    change_put_text(&c, key_of_account_name(a, w->name), id);
    if (w->email.n)
        change_put_text(&c, key_of_email(a, w->email), id);
    change_put(&c, key_of_access_key(a, w->access_key),
               new_key_record(ids, a, id, BYTES_NONE, w->access_key, w->secret_key));
    return change_apply(&c);
}

static struct accounts_answer create(struct identities *ids, struct account_wish w, struct arena *a)
{
    struct bytes id;
    struct accounts_answer ok = check_free(ids, &w, a);
    if (ok.rc == ACCOUNTS_OK)
        ok = check_room(ids, a);
    if (ok.rc != ACCOUNTS_OK)
        return ok;
    bool made = !w.access_key.n;
    if (made) {
        w.access_key = new_unique_id(a, "AKIA", IAM_ACCESS_KEY_LEN);
        w.secret_key = new_secret(a);
    }
    int rc = new_id(ids, a, &id);
    json_t *record = new_record(a, &w, id);
    if (rc == STORE_OK)
        rc = write_account(ids, a, &w, id, record);
    if (rc == STORE_OK) {
        owners_add(ids, id, record_text(record, "canonical"), w.name);
        json_t *j = json_in(a, shown(ids, record));
        json_object_set_new(j, "secretKey", json_of_bytes(w.secret_key));
        ok = answer_json(a, j);
        wipe_member(j, "secretKey");
    }
    if (made)
        OPENSSL_cleanse((char *)w.secret_key.p, w.secret_key.n);
    return rc == STORE_OK ? ok : trouble(a, rc);
}

struct accounts_answer accounts_create(struct identities *ids, const struct account_wish *w, struct arena *a)
{
    const char *fault = fault_of(w);
    if (fault)
        return answer(a, ACCOUNTS_INVALID, "%s", fault);
    if (!ids->crypt)
        return (struct accounts_answer){.rc = ACCOUNTS_TROUBLE,
                                        .store_rc = STORE_UNAVAILABLE,
                                        .text = BYTES_LIT("there is no master key that opens this data, so no secret "
                                                          "key can be kept; `pail key status` says why")};
    records_lock(ids);
    struct accounts_answer ret = create(ids, *w, a);
    records_unlock(ids);
    return ret;
}

struct accounts_answer accounts_create_of_json(struct identities *ids, struct bytes text, struct arena *a)
{
    struct account_wish w = {0};
    const struct {
        const char *name;
        struct bytes *to;
    } members[] = {{"name", &w.name}, {"email", &w.email}, {"accessKey", &w.access_key}, {"secretKey", &w.secret_key}};
    const char *name;
    json_t *value, *j = NULL;
    if (text.n <= ACCOUNT_BODY_MAX)
        j = json_read(text);
    if (!j)
        return answer(a, ACCOUNTS_INVALID, "this is no JSON document of an account");
    json_in(a, j);
    if (!json_is_object(j))
        return answer(a, ACCOUNTS_INVALID, "an account is asked for by a JSON object");
    json_object_foreach(j, name, value)
    {
        size_t i = 0;
        while (i < ARRAY_LEN(members) && strcmp(name, members[i].name) != 0)
            i++;
        if (i == ARRAY_LEN(members))
            return answer(a, ACCOUNTS_INVALID, "\"%.64s\" is no member: name, email, accessKey and secretKey are",
                          name);
        if (!json_is_string(value) && !json_is_null(value))
            return answer(a, ACCOUNTS_INVALID, "\"%s\" must be a string", name);
        *members[i].to = json_bytes(value);
    }
    struct accounts_answer ret = accounts_create(ids, &w, a);
    wipe_member(j, "secretKey");
    return ret;
}

/* ---- showing ---- */

struct accounts_answer accounts_list(struct identities *ids, struct arena *a)
{
    struct store_doc *docs;
    size_t n;
    bool more;
    int rc = store_doc_list(ids->store, BYTES_LIT(ACCOUNT_KEYS), BYTES_NONE, ACCOUNTS_MAX, a, &docs, &n, &more);
    if (rc != STORE_OK)
        return trouble(a, rc);
    json_t *all = json_in(a, json_object()), *list = json_array();
    json_object_set_new(all, "accounts", list);
    for (size_t i = 0; i < n; i++) {
        json_t *record = json_loadb(docs[i].value.p, docs[i].value.n, 0, NULL);
        if (!record)
            return trouble(a, STORE_CORRUPT);
        json_array_append_new(list, shown(ids, record));
        json_decref(record);
    }
    return answer_json(a, all);
}

/* With *ret; or why not. */
static struct accounts_answer find(struct identities *ids, struct bytes id_or_name, struct arena *a, json_t **ret)
{
    struct bytes id = id_or_name;
    int rc = id.n && id.n <= ACCOUNT_NAME_MAX ? STORE_OK : STORE_NO_SUCH_SETTING;
    if (rc == STORE_OK && !is_id(id))
        rc = store_doc_get(ids->store, key_of_account_name(a, id_or_name), a, &id);
    if (rc == STORE_OK)
        rc = record_get(ids, a, key_of_account(a, id), ret);
    if (rc == STORE_NO_SUCH_SETTING)
        return answer(a, ACCOUNTS_ABSENT, "there is no account \"%.*s\"",
                      (int)(id_or_name.n < ACCOUNT_NAME_MAX ? id_or_name.n : ACCOUNT_NAME_MAX),
                      id_or_name.n ? id_or_name.p : "");
    return rc == STORE_OK ? fine : trouble(a, rc);
}

struct accounts_answer accounts_get(struct identities *ids, struct bytes id_or_name, struct arena *a)
{
    json_t *record = NULL;
    struct accounts_answer found = find(ids, id_or_name, a, &record);
    return found.rc == ACCOUNTS_OK ? answer_json(a, json_in(a, shown(ids, record))) : found;
}

bool accounts_keeps(struct identities *ids, struct bytes id)
{
    if (bytes_eq_str(id, ROOT_ACCOUNT_ID))
        return true;
    struct arena *a = arena_create(0);
    json_t *record;
    records_lock(ids);
    bool there = record_get(ids, a, key_of_account(a, id), &record) != STORE_NO_SUCH_SETTING;
    records_unlock(ids);
    arena_free(a);
    return there;
}

/* ---- deleting ---- */

/* What keeps it, as "buckets (a, b, ...) and users (c)"; nothing does when it stays empty. */
static void tell(struct buf *out, const char *kind, struct bytes name, size_t nth)
{
    if (nth == 0)
        buf_printf(out, "%s%s (", out->n ? "), " : "", kind);
    if (nth < ACCOUNTS_TOLD_OF_A_KIND)
        buf_printf(out, "%s%.*s", nth ? ", " : "", (int)name.n, name.p);
    else
        buf_put_str(out, ", ...");
}

static int tell_buckets(struct identities *ids, struct arena *a, struct bytes id, struct buf *out)
{
    struct store_bucket *buckets;
    size_t n = 0;
    bool more;
    int rc = store_bucket_list_of(ids->store, id, BYTES_NONE, BYTES_NONE, ACCOUNTS_TOLD_OF_A_KIND + 1, a, &buckets, &n,
                                  &more);
    for (size_t i = 0; rc == STORE_OK && i < n; i++)
        tell(out, "buckets", buckets[i].name, i);
    return rc;
}

static int tell_entities(struct identities *ids, struct arena *a, struct bytes id, enum entity kind, struct buf *out)
{
    static const char *const kinds[ENTITIES] = {"users", "groups", "roles", "policies", "identity providers"};
    struct bytes prefix = key_of_entity(a, kind, id, BYTES_LIT(""));
    struct store_doc *docs;
    size_t n = 0;
    bool more;
    int rc = store_doc_list(ids->store, prefix, BYTES_NONE, ACCOUNTS_TOLD_OF_A_KIND + 1, a, &docs, &n, &more);
    for (size_t i = 0; rc == STORE_OK && i < n; i++)
        tell(out, kinds[kind], bytes_cut(docs[i].key, prefix.n, docs[i].key.n), i);
    return rc;
}

static struct accounts_answer check_unused(struct identities *ids, struct arena *a, const json_t *record)
{
    struct bytes id = record_text(record, "id"), name = record_text(record, "name");
    struct buf what;
    if (bytes_eq_str(id, ROOT_ACCOUNT_ID))
        return answer(a, ACCOUNTS_IN_USE, "the first account cannot be deleted");
    buf_init(&what, 512);
    int rc = tell_buckets(ids, a, id, &what);
    for (int kind = 0; rc == STORE_OK && kind < ENTITIES; kind++)
        rc = tell_entities(ids, a, id, (enum entity)kind, &what);
    struct accounts_answer ret = fine;
    if (rc != STORE_OK)
        ret = trouble(a, rc);
    else if (what.failed)
        ret = answer(a, ACCOUNTS_IN_USE, "account %.*s still has buckets, users or the like", (int)name.n, name.p);
    else if (what.n)
        ret = answer(a, ACCOUNTS_IN_USE, "account %.*s still has %.*s); delete them first", (int)name.n, name.p,
                     (int)what.n, what.p);
    buf_fini(&what);
    return ret;
}

static int remove_account(struct identities *ids, struct arena *a, const json_t *record)
{
    struct bytes id = record_text(record, "id"), email = record_text(record, "email");
    const json_t *keys = json_object_get(record, "keys");
    struct change c = {.ids = ids, .arena = a};
    json_t *gone = json_in(a, json_object());
    json_object_set(gone, "canonical", json_object_get(record, "canonical"));
    json_object_set(gone, "name", json_object_get(record, "name"));
    change_put(&c, key_of_gone_account(a, id), gone);
    change_delete(&c, key_of_account(a, id));
    change_delete(&c, key_of_canonical(a, record_text(record, "canonical")));
    change_delete(&c, key_of_account_name(a, record_text(record, "name")));
    if (email.n)
        change_delete(&c, key_of_email(a, email));
    for (size_t i = 0; i < json_array_size(keys); i++) {
        change_delete(&c, key_of_access_key(a, json_bytes(json_array_get(keys, i))));
        change_delete(&c, key_of_last_use(a, json_bytes(json_array_get(keys, i))));
    }
    change_delete(&c, key_of_counts(a, id));
    change_delete(&c, arena_bytesf(a, BLOCK_KEYS "%.*s", (int)id.n, id.p));
    return change_apply(&c);
}

struct accounts_answer accounts_delete(struct identities *ids, struct bytes id_or_name, struct arena *a)
{
    json_t *record = NULL;
    records_lock(ids);
    struct accounts_answer ret = find(ids, id_or_name, a, &record);
    if (ret.rc == ACCOUNTS_OK)
        ret = check_unused(ids, a, record);
    if (ret.rc == ACCOUNTS_OK) {
        int rc = remove_account(ids, a, record);
        json_t *j = json_in(a, json_object());
        json_object_set(j, "id", json_object_get(record, "id"));
        json_object_set(j, "name", json_object_get(record, "name"));
        ret = rc == STORE_OK ? answer_json(a, j) : trouble(a, rc);
    }
    records_unlock(ids);
    return ret;
}
