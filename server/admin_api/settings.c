/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mc admin config`: Pail's own settings, those that may change while the server runs, under the name `pail`; and
 * `site`, to be looked at. What is set is kept as one document of the store and read at every start; flags and
 * the environment win, as in MinIO. A change is tried on a copy first, written, and applied by the same way as a
 * SIGHUP. MinIO's other subsystems do not exist here, which is what they answer.
 * Threads: workers; admin_settings_read also the first one.
 */
#include "server/admin_api/settings.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/rand.h"
#include "config.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/server.h"
#include "store.h"

#define SETTINGS_KEY BYTES_LIT("settings/server")
#define HISTORY      "settings/history/" /* + time in hex and a random number: what was kept after a change */
#define HISTORY_KEPT 100
#define OURS         "pail"
#define APPLY_MS     3000 /* that a change is waited for */

/* ---- what is kept ---- */

static json_t *read_kept(struct store *store, struct arena *a)
{
    struct bytes text = BYTES_NONE;
    json_t *j = store_doc_get(store, SETTINGS_KEY, a, &text) == STORE_OK ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    return json_in(a, json_is_object(j) ? j : json_object());
}

static const struct config_pair *pairs_of(json_t *kept, struct arena *a, size_t *ret_n)
{
    struct config_pair *pairs = arena_new_array(a, struct config_pair, json_object_size(kept) + 1);
    const char *name;
    json_t *value = NULL;
    *ret_n = 0;
    json_object_foreach(kept, name, value)
    {
        const char *text = json_string_value(value);
        pairs[(*ret_n)++] = (struct config_pair){name, text ? text : ""};
    }
    return pairs;
}

const struct config_pair *admin_settings_read(struct store *store, struct arena *a, size_t *ret_n)
{
    return pairs_of(read_kept(store, a), a, ret_n);
}

/* ---- showing ---- */

static void put_value(struct buf *out, const char *value)
{
    bool quotes = !*value || strchr(value, ' ');
    buf_printf(out, quotes ? "\"%s\"" : "%s", value);
}

static void put_ours(const struct config *cfg, struct buf *out)
{
    struct config_setting s;
    for (size_t i = 0; config_describe(cfg, i, &s); i++)
        if (s.fixed_by)
            buf_printf(out, "# %s is set by %s, which wins\n", s.name, s.fixed_by);
    buf_put_str(out, OURS);
    for (size_t i = 0; config_describe(cfg, i, &s); i++) {
        buf_printf(out, " %s=", s.name);
        put_value(out, s.value);
    }
    buf_put_char(out, '\n');
}

static void put_site(const struct config *cfg, struct buf *out)
{
    buf_put_str(out, "site name=\"\" region=");
    put_value(out, cfg->region);
    buf_put_char(out, '\n');
}

/* MinIO's vendor is unknown here, which mc asks about before each `mc support` command. */
static void put_subnet(struct buf *out)
{
    buf_put_str(out, "subnet license=\"\" api_key=\"\" proxy=\"\"\n");
}

static int no_such(struct req *r, struct bytes name)
{
    return req_failf(r, S3E_ADMIN_CONFIG_NOT_FOUND,
                     "There is no subsystem %.*s here; those of this server are `pail` and `site`.",
                     (int)(name.n < 64 ? name.n : 64), name.n ? name.p : "");
}

int admin_get_config(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    const struct config *cfg = r->server->config;
    struct bytes key = req_param(r, "key");
    struct buf text;
    buf_init(&text, 64 * 1024);
    bool all = !key.n, ours = bytes_eq_str(key, OURS), site = bytes_eq_str(key, "site") || bytes_eq_str(key, "region");
    if (ours || all)
        put_ours(cfg, &text);
    if (site || all)
        put_site(cfg, &text);
    bool subnet = bytes_eq_str(key, "subnet");
    if (subnet)
        put_subnet(&text);
    int rc = all || ours || site || subnet ? admin_reply_sealed_text(c, buf_bytes(&text)) : no_such(r, key);
    buf_fini(&text);
    return rc;
}

/* ---- parsing: SUBSYSTEM KEY=VALUE KEY="VALUE" ... ---- */

static struct bytes take_word(struct bytes *line)
{
    size_t n = 0;
    *line = bytes_trim(*line);
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '=')
        n++;
    struct bytes word = bytes_cut(*line, 0, n);
    *line = bytes_cut(*line, n, line->n);
    return word;
}

static bool take_value(struct bytes *line, struct bytes *ret)
{
    if (!line->n || line->p[0] != '=')
        return false;
    *line = bytes_cut(*line, 1, line->n);
    bool quoted = line->n && (line->p[0] == '"' || line->p[0] == '\'');
    ptrdiff_t end = quoted ? bytes_find_char(*line, line->p[0], 1) : bytes_find_char(*line, ' ', 0);
    if (quoted && end < 0)
        return false;
    size_t stop = end < 0 ? line->n : (size_t)end;
    *ret = bytes_cut(*line, quoted, stop - quoted);
    *line = bytes_cut(*line, stop + quoted, line->n);
    return true;
}

static int change_line(struct req *r, struct bytes line, bool reset, json_t *kept)
{
    struct bytes subsystem = take_word(&line), value = BYTES_NONE;
    if (bytes_eq_str(subsystem, "site") || bytes_eq_str(subsystem, "region"))
        return req_failf(r, S3E_ADMIN_CONFIG_ERROR, "The region is set where the server is started (--region).");
    if (!bytes_eq_str(subsystem, OURS))
        return no_such(r, subsystem);
    line = bytes_trim(line);
    if (reset && !line.n)
        json_object_clear(kept);
    while (line.n) {
        struct bytes name = take_word(&line);
        bool has = take_value(&line, &value);
        if (!name.n || (!has && !reset))
            return req_failf(r, S3E_ADMIN_CONFIG_ERROR, "What is wanted is: pail NAME=VALUE ...");
        const char *key = bytes_cstr(r->arena, name);
        if (reset || !value.n)
            json_object_del(kept, key);
        else
            json_object_set_new(kept, key, json_of_bytes(value));
        line = bytes_trim(line);
    }
    return 0;
}

static int change_lines(struct req *r, struct bytes text, bool reset, json_t *kept)
{
    for (size_t at = 0; at < text.n;) {
        ptrdiff_t newline = bytes_find_char(text, '\n', at);
        size_t end = newline < 0 ? text.n : (size_t)newline;
        struct bytes line = bytes_trim(bytes_cut(text, at, end - at));
        bool site = bytes_starts(line, BYTES_LIT("site ")) && bytes_find_char(text, '\n', 0) >= 0; /* of an export */
        if (line.n && line.p[0] != '#' && !site && change_line(r, line, reset, kept) < 0)
            return -1;
        at = end + 1;
    }
    return 0;
}

/* ---- changing ---- */

/* Would the server take them? */
static int try_settings(struct req *r, json_t *kept)
{
    struct config trial;
    char note[512], error[512];
    size_t n;
    const struct config_pair *pairs = pairs_of(kept, r->arena, &n);
    if (config_reload_with(r->server->config, pairs, n, &trial, note, error) < 0)
        return req_failf(r, S3E_ADMIN_CONFIG_ERROR, "%s", error);
    config_fini(&trial);
    return 0;
}

/* The state after the change as an entry of the history; the oldest go. */
static int add_history(struct admin_call *c, const json_t *kept)
{
    struct store_doc *docs;
    bool more;
    size_t n;
    struct bytes id = arena_bytesf(c->arena, HISTORY "%012llx-%08llx", (unsigned long long)clock_wall_ms(),
                                   (unsigned long long)(rand_u64() & UINT32_MAX));
    int rc =
        store_doc_list(c->ids->store, BYTES_LIT(HISTORY), BYTES_NONE, STORE_DOCS_MAX / 2, c->arena, &docs, &n, &more);
    if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    for (size_t i = 0; i + HISTORY_KEPT <= n; i++)
        change_delete(&c->change, docs[i].key);
    change_put(&c->change, id,
               json_in(c->arena, json_pack("{s:I,s:O}", "time", (json_int_t)clock_wall_ms(), "kept", kept)));
    return 0;
}

static int keep_settings(struct admin_call *c, const json_t *kept)
{
    if (try_settings(c->r, (json_t *)kept) < 0 || add_history(c, kept) < 0)
        return -1;
    if (json_object_size(kept))
        change_put(&c->change, SETTINGS_KEY, kept);
    else
        change_delete(&c->change, SETTINGS_KEY);
    return admin_apply(c);
}

static int change_settings(struct admin_call *c, struct bytes text, bool reset)
{
    json_t *kept = read_kept(c->ids->store, c->arena);
    return change_lines(c->r, text, reset, kept) < 0 ? -1 : keep_settings(c, kept);
}

/* The first thread reads them again, as after a SIGHUP from outside. */
static bool apply(struct server *s)
{
    const struct config *before = s->config;
    if (kill(getpid(), SIGHUP) != 0)
        return false;
    for (int ms = 0; ms < APPLY_MS && s->config == before; ms += 10)
        usleep(10 * 1000);
    return s->config != before;
}

static int change(struct req *r, bool reset)
{
    struct admin_call *c = admin_begin(r);
    struct bytes text = BYTES_NONE;
    if (admin_open_body(c, &text) < 0)
        return -1;
    records_lock(c->ids);
    int rc = change_settings(c, text, reset);
    records_unlock(c->ids);
    if (rc < 0)
        return -1;
    resp_header(r, "x-minio-config-applied", apply(r->server) ? BYTES_LIT("true") : BYTES_LIT("false"));
    return admin_reply_nothing(r, 200);
}

int admin_set_config(struct req *r)
{
    return change(r, false);
}

int admin_delete_config(struct req *r)
{
    return change(r, true);
}

/* ---- history ---- */

/* As a line that `config set` takes. */
static json_t *entry_json(struct admin_call *c, const struct store_doc *d)
{
    const char *name, *id = bytes_cstr(c->arena, bytes_cut(d->key, sizeof HISTORY - 1, d->key.n));
    json_t *entry = json_in(c->arena, json_loadb(d->value.p, d->value.n, 0, NULL)), *value = NULL;
    struct buf text;
    buf_init(&text, 64 * 1024);
    buf_put_str(&text, OURS);
    json_object_foreach(json_object_get(entry, "kept"), name, value)
    {
        buf_printf(&text, " %s=", name);
        put_value(&text, json_string_value(value));
    }
    json_t *j = json_pack("{s:s,s:o,s:o}", "restoreId", id, "createTime", admin_time(record_number(entry, "time")),
                          "data", json_of_bytes(buf_bytes(&text)));
    buf_fini(&text);
    return j;
}

static int list_history(struct admin_call *c, struct store_doc **ret, size_t *ret_n)
{
    bool more;
    int rc =
        store_doc_list(c->ids->store, BYTES_LIT(HISTORY), BYTES_NONE, STORE_DOCS_MAX / 2, c->arena, ret, ret_n, &more);
    return rc == STORE_OK ? 0 : req_fail_store(c->r, rc);
}

/* The oldest first, as MinIO lists them; the last ones when only some are wanted. */
int admin_config_history(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes count = req_param(r, "count");
    json_t *all = json_in(c->arena, json_array());
    struct store_doc *docs;
    uint64_t max = 10;
    size_t n;
    if (count.n && !bytes_to_u64(count, UINT32_MAX, &max))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The parameter count is a number.");
    if (list_history(c, &docs, &n) < 0)
        return -1;
    for (size_t i = n > max ? n - (size_t)max : 0; i < n; i++)
        json_array_append_new(all, entry_json(c, &docs[i]));
    return admin_reply_sealed(c, json_incref(all));
}

int admin_clear_config_history(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes id = BYTES_NONE;
    struct store_doc *docs;
    size_t n, found = 0;
    if (admin_param(r, "restoreId", &id) < 0)
        return -1;
    bool all = bytes_eq_str(id, "all");
    records_lock(c->ids);
    int rc = list_history(c, &docs, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (all || bytes_eq(bytes_cut(docs[i].key, sizeof HISTORY - 1, docs[i].key.n), id)) {
            change_delete(&c->change, docs[i].key);
            found++;
        }
    if (rc == 0 && found)
        rc = admin_apply(c);
    records_unlock(c->ids);
    if (rc < 0)
        return -1;
    return found || all ? admin_reply_nothing(r, 200)
                        : req_failf(r, S3E_ADMIN_CONFIG_NOT_FOUND, "There is no such entry.");
}

static int restore(struct admin_call *c, struct bytes id)
{
    json_t *entry = NULL;
    int rc = id.n <= 64 ? record_get(c->ids, c->arena, bytes_join(c->arena, BYTES_LIT(HISTORY), id), &entry)
                        : STORE_NO_SUCH_SETTING;
    if (rc == STORE_NO_SUCH_SETTING)
        return req_failf(c->r, S3E_ADMIN_CONFIG_NOT_FOUND, "There is no such entry.");
    if (rc != STORE_OK)
        return req_fail_store(c->r, rc);
    return keep_settings(c, record_object(entry, "kept"));
}

/* The settings as they were kept then; what was set since and not then goes back to its default. */
int admin_restore_config(struct req *r)
{
    struct admin_call *c = admin_begin(r);
    struct bytes id = BYTES_NONE;
    if (admin_param(r, "restoreId", &id) < 0)
        return -1;
    records_lock(c->ids);
    int rc = restore(c, id);
    records_unlock(c->ids);
    if (rc < 0)
        return -1;
    resp_header(r, "x-minio-config-applied", apply(r->server) ? BYTES_LIT("true") : BYTES_LIT("false"));
    return admin_reply_nothing(r, 200);
}

int admin_settings_change(struct req *r, const char *name, const char *value)
{
    struct admin_call *c = admin_begin(r);
    records_lock(c->ids);
    json_t *kept = read_kept(c->ids->store, c->arena);
    if (value)
        json_object_set_new(kept, name, json_string(value));
    else
        json_object_del(kept, name);
    int rc = keep_settings(c, kept);
    records_unlock(c->ids);
    return rc < 0 ? -1 : (apply(r->server), 0);
}

/* ---- help ---- */

static json_t *help_row(const char *key, const char *text, const char *type)
{
    return json_pack("{s:s,s:s,s:b,s:s,s:b}", "key", key, "description", text, "optional", 1, "type", type,
                     "multipleTargets", 0);
}

int admin_help_config(struct req *r)
{
    struct bytes subsystem = req_param(r, "subSys"), key = req_param(r, "key");
    struct config_setting s;
    json_t *rows = json_in(r->arena, json_array());
    const char *about = "";
    if (!subsystem.n) {
        json_array_append_new(rows, help_row(OURS, "settings of this server that may change while it runs", ""));
        json_array_append_new(rows, help_row("site", "name and region of this server", ""));
    } else if (bytes_eq_str(subsystem, OURS)) {
        about = "settings of this server that may change while it runs";
        for (size_t i = 0; config_describe(r->server->config, i, &s); i++)
            if (!key.n || bytes_eq_str(key, s.name))
                json_array_append_new(rows, help_row(s.name, s.help, "string"));
    } else if (bytes_eq_str(subsystem, "site")) {
        about = "name and region of this server, set where it is started";
        json_array_append_new(rows, help_row("region", "region of this server", "string"));
    } else {
        return no_such(r, subsystem);
    }
    return admin_reply(r, json_pack("{s:o,s:s,s:b,s:O}", "subSys", json_of_bytes(subsystem), "description", about,
                                    "multipleTargets", 0, "keysHelp", rows));
}
