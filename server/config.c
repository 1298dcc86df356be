/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings, table-driven: one row names the flag, the environment variables, the place in struct config, the bounds and
 * the words for --help. A misspelt flag or a value out of bounds stops the start: a server that runs with another
 * setting than was written is worse than none.
 * Threads: start-up only.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "blob_tiers.h"
#include "server/client_addr.h"
#include "server/http/head.h"

enum kind { TEXT, NUMBER, SWITCH, DOMAINS, TIERS };
#define LIVE 16u /* beside a kind: the setting may change while the server runs */

struct setting {
    const char *flag; /* without the dashes; NULL: environment only */
    const char *env, *minio;
    unsigned kind_flags;
    size_t offset;
    const char *initial;
    uint64_t min, max;
    const char *value, *help;
};

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
    {"address", "PAIL_ADDRESS", "MINIO_ADDRESS", TEXT, AT(address), ":9000", 0, 0, "HOST:PORT",
     "where S3 is served; port 0 takes a free one"},
    {"console-address", "PAIL_CONSOLE_ADDRESS", "MINIO_CONSOLE_ADDRESS", TEXT, AT(console_address), ":9001", 0, 0,
     "HOST:PORT", "where the web console is served; unset: port 9001 of the address of S3, if it is free"},
    {"browser", "PAIL_BROWSER", "MINIO_BROWSER", SWITCH, AT(browser), "on", 0, 0, "on|off", "the web console"},
    {"browser-redirect-url", "PAIL_BROWSER_REDIRECT_URL", "MINIO_BROWSER_REDIRECT_URL", TEXT, AT(browser_redirect_url),
     "", 0, 0, "URL", "where browsers find the web console behind a proxy; its path is a prefix of all of its own"},
    {"server-url", "PAIL_SERVER_URL", "MINIO_SERVER_URL", TEXT, AT(server_url), "", 0, 0, "URL",
     "where clients find S3, as the web console shows it; unset: the port of --address on the console's host"},
    {"region", "PAIL_REGION", "MINIO_SITE_REGION", TEXT, AT(region), "", 0, 0, "NAME",
     "region of this server; unset: signatures for any region are accepted"},
    {"domain", "PAIL_DOMAIN", "MINIO_DOMAIN", DOMAINS, AT(domains), "", 0, 0, "NAME",
     "also serve BUCKET.NAME (virtual-hosted style); may be repeated"},
    {"certs-dir", "PAIL_CERTS_DIR", "MINIO_CERTS_DIR", TEXT, AT(certs_dir), "", 0, 0, "DIR",
     "serve HTTPS with public.crt and private.key of DIR; sub-folders hold more, chosen by SNI"},
    {NULL, "PAIL_ROOT_USER", "MINIO_ROOT_USER", TEXT, AT(root_user), "", 0, 0, "KEY", "access key of the root user"},
    {NULL, "PAIL_ROOT_PASSWORD", "MINIO_ROOT_PASSWORD", TEXT, AT(root_password), "", 0, 0, "SECRET",
     "its secret key; with neither set, minioadmin/minioadmin works from this machine alone"},
    {"master-key-file", "PAIL_MASTER_KEY_FILE", NULL, TEXT, AT(master_key_file), "", 0, 0, "FILE",
     "64 hex digits that seal all keys; unset: systemd's credential pail-master-key, PAIL_MASTER_KEY (the digits), or "
     "pail.key in DIR, made when nothing was sealed yet"},
    {"vault-address", "PAIL_VAULT_ADDRESS", NULL, TEXT, AT(vault_address), "", 0, 0, "URL",
     "HashiCorp Vault (or OpenBao), whose transit engine then seals new versions of the keys that encrypt objects"},
    {"vault-key", "PAIL_VAULT_KEY", NULL, TEXT, AT(vault_key), "", 0, 0, "NAME", "the key of its transit engine"},
    {"vault-token-file", "PAIL_VAULT_TOKEN_FILE", NULL, TEXT, AT(vault_token_file), "", 0, 0, "FILE",
     "a token that may encrypt and decrypt with that key; the file may be replaced at any time"},
    {"vault-mount", "PAIL_VAULT_MOUNT", NULL, TEXT, AT(vault_mount), "transit", 0, 0, "PATH",
     "where that engine is mounted"},
    {"vault-namespace", "PAIL_VAULT_NAMESPACE", NULL, TEXT, AT(vault_namespace), "", 0, 0, "NAME",
     "namespace of Vault, where it has several"},
    {"vault-ca-file", "PAIL_VAULT_CA_FILE", NULL, TEXT, AT(vault_ca_file), "", 0, 0, "FILE",
     "certificates to trust for it; unset: the system's"},
    {"jwks-dir", "PAIL_JWKS_DIR", NULL, TEXT, AT(jwks_dir), "", 0, 0, "DIR",
     "keys of OpenID Connect providers, used instead of those that they publish: HOST_PATH.json, with _ for each /"},
    {"user", "PAIL_USER", NULL, TEXT, AT(user), "", 0, 0, "NAME",
     "become this user once the address is bound and the certificates are read; for root"},
    {"sandbox", "PAIL_SANDBOX", NULL, SWITCH, AT(sandbox), "on", 0, 0, "on|off",
     "give up system calls and privileges that serving does not need"},
    {"threads", "PAIL_THREADS", NULL, NUMBER, AT(threads), "0", 0, 256, "N", "event loops; 0: one per core"},
    {"workers", "PAIL_WORKERS", NULL, NUMBER, AT(workers), "32", 2, 1024, "N", "worker threads for disk and hashing"},
    {"log-format", "PAIL_LOG_FORMAT", NULL, TEXT, AT(log_format), "text", 0, 0, "text|json",
     "form of the log on standard error"},
    {"log-level", "PAIL_LOG_LEVEL", NULL, LIVE | TEXT, AT(log_level), "info", 0, 0, "LEVEL",
     "error, warn, info or debug"},
    {"access-log", "PAIL_ACCESS_LOG", NULL, LIVE | SWITCH, AT(access_log), "on", 0, 0, "on|off",
     "one line per request"},
    {"audit-file", "PAIL_AUDIT_FILE", NULL, TEXT, AT(audit_file), "", 0, 0, "FILE",
     "write a line of JSON for every request there"},
    {"audit-file-max-mib", "PAIL_AUDIT_FILE_MAX_MIB", NULL, NUMBER, AT(audit_file_max_mib), "100", 1, 1048576, "MIB",
     "then FILE becomes FILE.1 and a new one is begun"},
    {"audit-file-keep", "PAIL_AUDIT_FILE_KEEP", NULL, NUMBER, AT(audit_file_keep), "10", 1, 10000, "N",
     "older files to keep"},
    {"audit-webhook", "PAIL_AUDIT_WEBHOOK", "MINIO_AUDIT_WEBHOOK_ENDPOINT_TARGET1", TEXT, AT(audit_webhook), "", 0, 0,
     "URL", "post the same lines there; what it does not take waits in DIR/audit"},
    {NULL, "PAIL_AUDIT_WEBHOOK_TOKEN", "MINIO_AUDIT_WEBHOOK_AUTH_TOKEN_TARGET1", TEXT, AT(audit_webhook_token), "", 0,
     0, "TOKEN", "sent to the audit webhook: Authorization: Bearer TOKEN"},
    {"audit-webhook-ca", "PAIL_AUDIT_WEBHOOK_CA", NULL, TEXT, AT(audit_webhook_ca), "", 0, 0, "FILE",
     "certificates that the audit webhook's may be signed by, besides the system's"},
    {"audit-webhook-batch", "PAIL_AUDIT_WEBHOOK_BATCH", "MINIO_AUDIT_WEBHOOK_BATCH_SIZE_TARGET1", NUMBER,
     AT(audit_webhook_batch), "1", 1, 10000, "N", "lines in one request to the webhook"},
    {"audit-queue-mib", "PAIL_AUDIT_QUEUE_MIB", NULL, NUMBER, AT(audit_queue_mib), "256", 1, 1048576, "MIB",
     "of lines that may wait for the webhook; more are dropped, and the log says so"},
    {"prometheus-auth", "PAIL_PROMETHEUS_AUTH_TYPE", "MINIO_PROMETHEUS_AUTH_TYPE", LIVE | TEXT, AT(prometheus_auth),
     "jwt", 0, 0, "jwt|public", "who may read metrics: bearers of a token of an administrator, or everybody"},
    {"max-header-bytes", "PAIL_MAX_HEADER_BYTES", NULL, NUMBER, AT(max_header_bytes), "32768", 4096, 1048576, "N",
     "request line and headers, together"},
    {"max-headers", "PAIL_MAX_HEADERS", NULL, NUMBER, AT(max_headers), "200", 16, 1000, "N", "headers of a request"},
    {"max-uri-bytes", "PAIL_MAX_URI_BYTES", NULL, NUMBER, AT(max_uri_bytes), "16384", 1024, 262144, "N",
     "request target"},
    {"header-timeout", "PAIL_HEADER_TIMEOUT", NULL, LIVE | NUMBER, AT(header_timeout_s), "20", 1, 3600, "SECONDS",
     "for a request's head to arrive"},
    {"idle-timeout", "PAIL_IDLE_TIMEOUT", "MINIO_IDLE_TIMEOUT", LIVE | NUMBER, AT(idle_timeout_s), "60", 1, 86400,
     "SECONDS", "for a connection without requests, or a transfer that stands still"},
    {"min-body-rate", "PAIL_MIN_BODY_RATE", NULL, LIVE | NUMBER, AT(min_body_rate), "500", 0, 1000000000, "BYTES/S",
     "slower transfers are ended; 0: never"},
    {"min-body-rate-grace", "PAIL_MIN_BODY_RATE_GRACE", NULL, LIVE | NUMBER, AT(min_body_rate_grace_s), "30", 1, 3600,
     "SECONDS", "before min-body-rate counts"},
    {"max-connections", "PAIL_MAX_CONNECTIONS", NULL, LIVE | NUMBER, AT(max_connections), "20000", 8, 1000000, "N",
     "connections of the whole server"},
    {"max-connections-per-address", "PAIL_MAX_CONNECTIONS_PER_ADDRESS", NULL, NUMBER, AT(max_connections_per_address),
     "10000", 1, 1000000, "N", "connections from one address"},
    {"max-queued-jobs", "PAIL_MAX_QUEUED_JOBS", NULL, NUMBER, AT(max_queued_jobs), "10000", 8, 1000000, "N",
     "requests waiting for a worker; more are answered SlowDown"},
    {"document-memory", "PAIL_DOCUMENT_MEMORY", NULL, LIVE | NUMBER, AT(document_memory_mib), "512", 32, 1048576, "MIB",
     "for the documents (lists, deletes, completions) of all requests and replies; more are answered SlowDown"},
    {"document-timeout", "PAIL_DOCUMENT_TIMEOUT", NULL, LIVE | NUMBER, AT(document_timeout_s), "120", 1, 86400,
     "SECONDS", "for a large document, either way, on its connection"},
    {"drain-timeout", "PAIL_DRAIN_TIMEOUT", NULL, LIVE | NUMBER, AT(drain_timeout_s), "25", 1, 3600, "SECONDS",
     "for running requests at shutdown"},
    {"tier", "PAIL_TIER", NULL, TIERS, AT(tiers), "", 0, 0, "CLASS=DIR",
     "keep the data of a storage class (GLACIER, STANDARD_IA, ...) in another folder or disk; may be repeated"},
    {"trust-clock", "PAIL_TRUST_CLOCK", NULL, SWITCH, AT(trust_clock), "off", 0, 0, "on|off",
     "object locks believe a clock that is more than a year ahead of when the data was last open"},
    {"lifecycle-day", "PAIL_LIFECYCLE_DAY", NULL, NUMBER, AT(lifecycle_day_s), "0", 0, 86400, "SECONDS",
     "for tests and demos: lifecycle rules take a day to be that long, so data goes early; 0: a day"},
    {"default-object-ownership", "PAIL_DEFAULT_OBJECT_OWNERSHIP", NULL, LIVE | TEXT, AT(default_object_ownership),
     "BucketOwnerEnforced", 0, 0, "RULE",
     "of new buckets: BucketOwnerEnforced (no access lists), BucketOwnerPreferred or ObjectWriter"},
    {"default-encryption", "PAIL_DEFAULT_ENCRYPTION", NULL, TEXT, AT(default_encryption), "AES256", 0, 0, "AES256|none",
     "of new objects when neither request nor bucket says it; none: they are kept as they come"},
    {"allow-insecure-ssec", "PAIL_ALLOW_INSECURE_SSEC", NULL, SWITCH, AT(allow_insecure_ssec), "off", 0, 0, "on|off",
     "for tests: customers' own keys (SSE-C) are taken without TLS"},
    {"compress", "PAIL_COMPRESS", "MINIO_COMPRESSION_ENABLE", SWITCH, AT(compress), "off", 0, 0, "on|off",
     "keep objects compressed where that saves space; the bucket tag pail:compress (on or off) decides for a bucket"},
    {"compress-types", "PAIL_COMPRESS_TYPES", "MINIO_COMPRESSION_MIME_TYPES", TEXT, AT(compress_types),
     "text/*,application/json,application/xml,application/x-ndjson,application/javascript,image/svg+xml", 0, 0,
     "TYPE,...", "content types to compress; a * at the end stands for any rest"},
    {"compress-extensions", "PAIL_COMPRESS_EXTENSIONS", "MINIO_COMPRESSION_EXTENSIONS", TEXT, AT(compress_extensions),
     ".txt,.log,.csv,.json,.ndjson,.tar,.xml,.html,.sql,.svg", 0, 0, ".EXT,...",
     "ends of keys to compress, whatever their type; with no types and no extensions, everything that is not "
     "compressed already"},
    {"trusted-proxy", "PAIL_TRUSTED_PROXY", NULL, TEXT, AT(trusted_proxy), "", 0, 0, "CIDR,...",
     "proxies whose X-Forwarded-For and X-Forwarded-Proto are believed"},
    {"verify-reads", "PAIL_VERIFY_READS", NULL, SWITCH, AT(verify_reads), "on", 0, 0, "on|off",
     "compare data with its checksums whenever it is read; off only on disks that do that themselves (ZFS, btrfs)"},
    {"scrub-rate", "PAIL_SCRUB_RATE", NULL, NUMBER, AT(scrub_rate_mib), "16", 0, 100000, "MIB/S",
     "pace at which all data is read in the background and compared with its checksums; 0: never"},
    {"scrub-interval", "PAIL_SCRUB_INTERVAL", NULL, NUMBER, AT(scrub_interval_h), "720", 0, 87600, "HOURS",
     "from the beginning of one such pass to the next"},
    {"snapshot-interval", "PAIL_SNAPSHOT_INTERVAL", NULL, NUMBER, AT(snapshot_interval_h), "24", 0, 8760, "HOURS",
     "between copies of the index to DIR/snapshots, for `pail recover`; 0: none"},
    {"snapshots-kept", "PAIL_SNAPSHOTS_KEPT", NULL, NUMBER, AT(snapshots_kept), "3", 1, 100, "N",
     "how many of those are kept"},
    {"index-map-mib", "PAIL_INDEX_MAP_MIB", NULL, NUMBER, AT(index_map_mib), "65536", 1, 1048576, "MIB",
     "first size of the index's map; it grows by itself"},
};

static enum kind kind_of(const struct setting *s)
{
    return (enum kind)(s->kind_flags & ~LIVE);
}

static int fail(char *error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fail(char *error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(error, 512, fmt, ap);
    va_end(ap);
    return -1;
}

void config_help(FILE *to)
{
    fprintf(to, "Usage: pail server DIR [settings]\n\n"
                "Serves the S3 protocol over the data in DIR, which is created when it is missing.\n\nSettings:\n");
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const struct setting *s = &settings[i];
        char left[64];
        if (s->flag)
            snprintf(left, sizeof left, "--%s %s", s->flag, s->value);
        else
            snprintf(left, sizeof left, "(environment) %s", s->value);
        fprintf(to, "  %-38s %s\n  %-38s %s%s%s%s%s%s\n", left, s->help, "", s->env, s->minio ? ", " : "",
                s->minio ? s->minio : "", *s->initial ? "; default " : "", s->initial,
                s->kind_flags & LIVE ? " *" : "");
    }
    fprintf(to, "\nThose marked * follow a SIGHUP, which also reads the certificates again.\n"
                "What the environment does not have is looked for in the file that PAIL_CONFIG_FILE (or\n"
                "MINIO_CONFIG_ENV_FILE) names: lines of NAME=VALUE.\n"
                "DIR is also read from PAIL_DIR and MINIO_VOLUMES, more flags from MINIO_OPTS.\n\n"
                "Examples:\n  pail server ./data\n"
                "  PAIL_ROOT_USER=admin PAIL_ROOT_PASSWORD=long-secret pail server /srv/pail --address :9000\n");
}

static int add_domains(struct config *c, const struct setting *s, const char *text, char *error)
{
    char *copy = bytes_cstr(c->strings, bytes_str(text));
    for (char *name = copy; name;) {
        char *comma = strchr(name, ',');
        if (comma)
            *comma++ = '\0';
        if (*name && c->n_domains == CONFIG_DOMAINS_MAX)
            return fail(error, "--%s: at most %d names", s->flag, CONFIG_DOMAINS_MAX);
        if (*name)
            c->domains[c->n_domains++] = name;
        name = comma;
    }
    return 0;
}

static int add_tier(struct config *c, char *word, char *error)
{
    char *path = strchr(word, '=');
    if (!path || !path[1])
        return fail(error, "--tier takes CLASS=DIR, not \"%s\"", word);
    *path++ = '\0';
    if (blob_tier_number(bytes_str(word)) == 0)
        return fail(error, "--tier %s: no storage class that can have a folder of its own", word);
    for (size_t i = 0; i < c->n_tiers; i++) {
        if (strcmp(c->tiers[i].storage_class, word) == 0)
            return fail(error, "--tier %s is given twice", word);
        if (strcmp(c->tiers[i].path, path) == 0)
            return fail(error, "--tier %s and %s name the same folder", c->tiers[i].storage_class, word);
    }
    c->tiers[c->n_tiers++] = (struct config_tier){word, path}; /* no more than there are classes */
    return 0;
}

static int add_tiers(struct config *c, const char *text, char *error)
{
    char *copy = bytes_cstr(c->strings, bytes_str(text));
    for (char *word = copy; word;) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma++ = '\0';
        if (*word && add_tier(c, word, error) < 0)
            return -1;
        word = comma;
    }
    return 0;
}

static const char *setting_name(const struct setting *s, char name[64])
{
    if (s->flag)
        snprintf(name, 64, "--%s", s->flag);
    else
        snprintf(name, 64, "%s", s->env);
    return name;
}

static int assign(struct config *c, const struct setting *s, const char *text, char *error)
{
    char *at = (char *)c + s->offset;
    char name[64];
    uint64_t number;
    switch (kind_of(s)) {
    case TEXT:
        *(const char **)at = text;
        return 0;
    case DOMAINS:
        return add_domains(c, s, text, error);
    case TIERS:
        return add_tiers(c, text, error);
    case SWITCH:
        if (s->minio && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) /* MinIO takes both */
            text = *text == 't' ? "on" : "off";
        if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
            return fail(error, "%s must be on or off, not \"%s\"", setting_name(s, name), text);
        *(bool *)at = strcmp(text, "on") == 0;
        return 0;
    case NUMBER:
        if (s->minio && strlen(text) > 1 && text[strlen(text) - 1] == 's') { /* MinIO writes durations as 30s */
            struct bytes digits = bytes_of(text, strlen(text) - 1);
            if (bytes_to_u64(digits, s->max, &number) && number >= s->min) {
                *(uint64_t *)at = number;
                return 0;
            }
        }
        if (!bytes_to_u64(bytes_str(text), s->max, &number) || number < s->min)
            return fail(error, "%s must be a whole number from %llu to %llu, not \"%s\"", setting_name(s, name),
                        (unsigned long long)s->min, (unsigned long long)s->max, text);
        *(uint64_t *)at = number;
        return 0;
    }
    return -1;
}

static const struct setting *find_flag(const char *flag, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (settings[i].flag && strlen(settings[i].flag) == n && memcmp(settings[i].flag, flag, n) == 0)
            return &settings[i];
    return NULL;
}

/* Flags and the folder; `dir_too` is false for MINIO_OPTS, which holds flags alone. Answers as config_load. */
static int read_args(struct config *c, int argc, char **argv, bool dir_too, char *error)
{
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            config_help(stdout);
            return 1;
        }
        if (arg[0] != '-') {
            if (!dir_too)
                return fail(error, "MINIO_OPTS holds \"%s\", which is no flag", arg);
            if (c->dir)
                return fail(error, "one data folder only: \"%s\" comes after \"%s\"", arg, c->dir);
            c->dir = arg;
            continue;
        }
        const char *name = arg + (arg[1] == '-' ? 2 : 1);
        size_t n = strcspn(name, "=");
        const struct setting *s = find_flag(name, n);
        if (!s)
            return fail(error, "unknown flag \"%s\"; `pail server --help` lists them", arg);
        const char *value = name[n] == '=' ? name + n + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return fail(error, "--%s needs a value (%s)", s->flag, s->value);
        if (assign(c, s, value, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- the file ---- */

static struct bytes unquoted(struct bytes v)
{
    v = bytes_trim(v);
    bool quoted = v.n >= 2 && (v.p[0] == '"' || v.p[0] == '\'') && v.p[v.n - 1] == v.p[0];
    return quoted ? bytes_cut(v, 1, v.n - 2) : v;
}

/* One line: NAME=VALUE, perhaps with `export ` before and quotes around the value; empty ones and comments are nothing.
 */
static int read_line(struct config *c, struct config_pair *pairs, struct bytes line, size_t number, const char *path,
                     char *error)
{
    line = bytes_trim(line);
    if (bytes_starts(line, BYTES_LIT("export ")))
        line = bytes_trim(bytes_cut(line, 7, SIZE_MAX));
    if (line.n == 0 || line.p[0] == '#')
        return 0;
    ptrdiff_t equals = bytes_find_char(line, '=', 0);
    if (equals < 1)
        return fail(error, "%.200s, line %zu: NAME=VALUE is wanted", path, number);
    pairs[c->n_file].name = bytes_cstr(c->strings, bytes_trim(bytes_cut(line, 0, (size_t)equals)));
    pairs[c->n_file++].value = bytes_cstr(c->strings, unquoted(bytes_cut(line, (size_t)equals + 1, SIZE_MAX)));
    return 0;
}

static int read_file(struct config *c, char *error)
{
    const char *path = getenv("PAIL_CONFIG_FILE");
    if (!path || !*path)
        path = getenv("MINIO_CONFIG_ENV_FILE");
    if (!path || !*path)
        return 0;
    FILE *f = fopen(path, "re");
    char *text = arena_alloc(c->strings, CONFIG_FILE_MAX + 1);
    size_t n = f ? fread(text, 1, CONFIG_FILE_MAX + 1, f) : 0;
    bool good = f && !ferror(f);
    int why = errno;
    if (f)
        fclose(f);
    if (!good)
        return fail(error, "PAIL_CONFIG_FILE %.200s: %s", path, strerror(why));
    if (n > CONFIG_FILE_MAX)
        return fail(error, "PAIL_CONFIG_FILE %.200s has more than %u bytes", path, CONFIG_FILE_MAX);
    struct bytes all = bytes_of(text, n);
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    struct config_pair *pairs = arena_new_array(c->strings, struct config_pair, lines);
    for (size_t at = 0; at < n;) {
        ptrdiff_t end = bytes_find_char(all, '\n', at);
        size_t stop = end < 0 ? n : (size_t)end;
        if (read_line(c, pairs, bytes_cut(all, at, stop - at), ++number, path, error) < 0)
            return -1;
        at = stop + 1;
    }
    c->file = pairs;
    return 0;
}

/* Of the environment, or else of the file. NULL: neither has it. */
static const char *variable(const struct config *c, const char *name)
{
    const char *value = getenv(name);
    for (size_t i = 0; !value && i < c->n_file; i++)
        if (strcmp(c->file[i].name, name) == 0)
            value = c->file[i].value;
    return value;
}

/* MINIO_OPTS is one string of flags, as MinIO's unit file passes it. */
static int read_minio_opts(struct config *c, char *error)
{
    enum { WORDS_MAX = 64 };
    char *words[WORDS_MAX];
    int n = 0;
    const char *opts = variable(c, "MINIO_OPTS");
    if (!opts)
        return 0;
    char *plain = bytes_cstr(c->strings, bytes_str(opts)), *to = plain;
    for (const char *from = opts; *from; from++) /* no setting has a quote in it */
        if (*from != '"' && *from != '\'')
            *to++ = *from;
    *to = '\0';
    for (char *p = plain; *p;) {
        p += strspn(p, " \t");
        if (!*p)
            break;
        if (n == WORDS_MAX)
            return fail(error, "MINIO_OPTS has more than %d words", WORDS_MAX);
        words[n++] = p;
        p += strcspn(p, " \t");
        if (*p)
            *p++ = '\0';
    }
    return read_args(c, n, words, false, error);
}

static int read_environment(struct config *c, bool minio, char *error)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        const char *name = minio ? settings[i].minio : settings[i].env;
        const char *value = name ? variable(c, name) : NULL;
        if (!value)
            continue;
        if (kind_of(&settings[i]) == DOMAINS)
            c->n_domains = 0;
        if (assign(c, &settings[i], value, error) < 0)
            return -1;
    }
    const char *dir = variable(c, minio ? "MINIO_VOLUMES" : "PAIL_DIR");
    if (dir && *dir)
        c->dir = dir;
    return 0;
}

static bool one_of(const char *text, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(text, *names) == 0)
            return true;
    return false;
}

/* http[s]://HOST[:PORT], then a path of plain characters if there may be one. */
static bool is_url(const char *url, bool path)
{
    struct bytes rest = bytes_str(url);
    size_t scheme = bytes_starts(rest, BYTES_LIT("https://")) ? 8 : bytes_starts(rest, BYTES_LIT("http://")) ? 7 : 0;
    rest = bytes_cut(rest, scheme, SIZE_MAX);
    ptrdiff_t slash = bytes_find_char(rest, '/', 0);
    size_t host = slash < 0 ? rest.n : (size_t)slash;
    if (!scheme || !http_host_split(bytes_cut(rest, 0, host), NULL, NULL))
        return false;
    rest = bytes_cut(rest, host, SIZE_MAX);
    for (size_t i = 0; i < rest.n; i++)
        if (!isalnum((unsigned char)rest.p[i]) && !strchr("/-_.~", rest.p[i]))
            return false;
    return (path || rest.n <= 1) && !memmem(rest.p, rest.n, "//", 2) && !memmem(rest.p, rest.n, "/.", 2);
}

static int check_urls(struct config *c, char *error)
{
    if (*c->browser_redirect_url && !is_url(c->browser_redirect_url, true))
        return fail(error, "--browser-redirect-url takes http[s]://HOST[:PORT]/[PREFIX/], not \"%s\"",
                    c->browser_redirect_url);
    if (*c->server_url && !is_url(c->server_url, false))
        return fail(error, "--server-url takes http[s]://HOST[:PORT], not \"%s\"", c->server_url);
    return 0;
}

static int check(struct config *c, char *error)
{
    static const char *const formats[] = {"text", "json", NULL}, *const prometheus[] = {"jwt", "public", NULL};
    static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
    static const char *const ownerships[] = {"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter", NULL};
    if (!c->dir)
        return fail(error, "which folder? `pail server DIR`");
    if (!one_of(c->log_format, formats))
        return fail(error, "--log-format must be text or json, not \"%s\"", c->log_format);
    if (!one_of(c->log_level, levels))
        return fail(error, "--log-level must be error, warn, info or debug, not \"%s\"", c->log_level);
    if (!one_of(c->prometheus_auth, prometheus))
        return fail(error, "--prometheus-auth must be jwt or public, not \"%s\"", c->prometheus_auth);
    if (!one_of(c->default_object_ownership, ownerships))
        return fail(error,
                    "--default-object-ownership must be BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter, "
                    "not \"%s\"",
                    c->default_object_ownership);
    if (strcmp(c->default_encryption, "AES256") != 0 && strcmp(c->default_encryption, "none") != 0)
        return fail(error, "--default-encryption must be AES256 or none, not \"%s\"", c->default_encryption);
    if (check_urls(c, error) < 0)
        return -1;
    c->console_address_set = c->console_address != find_flag("console-address", strlen("console-address"))->initial;
    struct client_proxies proxies;
    if (!client_proxies_parse(c->trusted_proxy, &proxies))
        return fail(error, "--trusted-proxy takes up to %d addresses or networks like 10.0.0.0/8, not \"%s\"",
                    CLIENT_PROXIES_MAX, c->trusted_proxy);
    if (!*c->root_user != !*c->root_password)
        return fail(error, "PAIL_ROOT_USER and PAIL_ROOT_PASSWORD must be set both or neither");
    if (!*c->root_user) {
        c->default_credentials = true;
        c->root_user = c->root_password = "minioadmin";
    }
    if (strlen(c->root_user) < 3 || strlen(c->root_user) > 128)
        return fail(error, "PAIL_ROOT_USER must have 3 to 128 characters");
    if (strlen(c->root_password) < 8 || strlen(c->root_password) > 128)
        return fail(error, "PAIL_ROOT_PASSWORD must have 8 to 128 characters");
    return 0;
}

/* FLAG with _ for -: how settings are called that are kept with the data. */
static bool is_called(const struct setting *s, const char *name)
{
    if (!s->flag || strlen(s->flag) != strlen(name) || !(s->kind_flags & LIVE))
        return false;
    for (size_t i = 0; name[i]; i++)
        if ((s->flag[i] == '-' ? '_' : s->flag[i]) != name[i])
            return false;
    return true;
}

static int read_kept(struct config *c, const struct config_pair *pairs, size_t n, char *error)
{
    struct config_pair *copy = arena_new_array(c->strings, struct config_pair, n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        copy[i].name = bytes_cstr(c->strings, bytes_str(pairs[i].name));
        copy[i].value = bytes_cstr(c->strings, bytes_str(pairs[i].value));
        while (at < ARRAY_LEN(settings) && !is_called(&settings[at], copy[i].name))
            at++;
        if (at == ARRAY_LEN(settings))
            return fail(error, "there is no setting \"%.100s\" that may change while the server runs", pairs[i].name);
        if (assign(c, &settings[at], copy[i].value, error) < 0)
            return -1;
    }
    c->kept = copy;
    c->n_kept = n;
    return 0;
}

static int load(struct config *c, int argc, char **argv, const struct config_pair *kept, size_t n_kept, char error[512])
{
    *c = (struct config){.strings = arena_create(0), .argc = argc, .argv = argv};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (kind_of(&settings[i]) != DOMAINS && kind_of(&settings[i]) != TIERS &&
            assign(c, &settings[i], settings[i].initial, error) < 0)
            return -1;
    if (read_kept(c, kept, n_kept, error) < 0)
        return -1;
    if (read_file(c, error) < 0 || read_environment(c, true, error) < 0)
        return -1;
    int rc = read_minio_opts(c, error);
    if (rc != 0)
        return rc;
    if (read_environment(c, false, error) < 0)
        return -1;
    const char *dir_of_environment = c->dir;
    c->dir = NULL;
    rc = read_args(c, argc, argv, true, error);
    if (rc != 0)
        return rc;
    if (!c->dir)
        c->dir = dir_of_environment;
    return check(c, error);
}

int config_load(struct config *c, int argc, char **argv, char error[512])
{
    return load(c, argc, argv, NULL, 0, error);
}

/* Whether a setting of one value differs; those of lists are compared by nobody. */
static bool differs(const struct setting *s, const struct config *a, const struct config *b)
{
    const char *x = (const char *)a + s->offset, *y = (const char *)b + s->offset;
    switch (kind_of(s)) {
    case TEXT:
        return strcmp(*(const char *const *)x, *(const char *const *)y) != 0;
    case NUMBER:
        return *(const uint64_t *)x != *(const uint64_t *)y;
    case SWITCH:
        return *(const bool *)x != *(const bool *)y;
    case DOMAINS:
    case TIERS:
        break;
    }
    return false;
}

static void take(const struct setting *s, struct config *to, const struct config *from)
{
    static const size_t sizes[] = {[TEXT] = sizeof(char *), [NUMBER] = sizeof(uint64_t), [SWITCH] = sizeof(bool)};
    memcpy((char *)to + s->offset, (const char *)from + s->offset, sizes[kind_of(s)]);
}

int config_reload(const struct config *old, struct config *ret, char note[512], char error[512])
{
    return config_reload_with(old, old->kept, old->n_kept, ret, note, error);
}

int config_reload_with(const struct config *old, const struct config_pair *kept, size_t n_kept, struct config *ret,
                       char note[512], char error[512])
{
    struct config fresh;
    char name[64];
    size_t n = 0;
    note[0] = '\0';
    if (load(&fresh, old->argc, old->argv, kept, n_kept, error) != 0) {
        config_fini(&fresh);
        return -1;
    }
    *ret = *old;
    ret->strings = fresh.strings; /* old's texts stay old's */
    ret->kept = fresh.kept;
    ret->n_kept = fresh.n_kept;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (!differs(&settings[i], old, &fresh))
            continue;
        if (settings[i].kind_flags & LIVE)
            take(&settings[i], ret, &fresh);
        else if (n < 400)
            n += (size_t)snprintf(note + n, 512 - n, "%s%s", n ? ", " : "", setting_name(&settings[i], name));
    }
    return 0;
}

/* A flag of this setting among the arguments? */
static bool is_flagged(const struct config *c, const struct setting *s)
{
    size_t n = strlen(s->flag);
    for (int i = 0; i < c->argc; i++) {
        const char *arg = c->argv[i];
        if (arg[0] != '-')
            continue;
        arg += arg[1] == '-' ? 2 : 1;
        if (strncmp(arg, s->flag, n) == 0 && (arg[n] == '\0' || arg[n] == '='))
            return true;
    }
    return false;
}

static const char *fixed_by(const struct config *c, const struct setting *s)
{
    if (is_flagged(c, s))
        return "a flag";
    if (variable(c, s->env))
        return s->env;
    return s->minio && variable(c, s->minio) ? s->minio : NULL;
}

static enum config_source source_of(const struct config *c, const struct setting *s, const char *name)
{
    if (is_flagged(c, s))
        return CONFIG_FLAG;
    if (fixed_by(c, s))
        return CONFIG_ENVIRONMENT;
    for (size_t i = 0; i < c->n_kept; i++)
        if (strcmp(c->kept[i].name, name) == 0)
            return CONFIG_ADMIN;
    return CONFIG_DEFAULT;
}

/* A list, as it could be written. */
static void put_list(const struct config *c, const struct setting *s, char *out, size_t room)
{
    size_t n = 0, count = kind_of(s) == DOMAINS ? (size_t)c->n_domains : c->n_tiers;
    out[0] = '\0';
    for (size_t i = 0; i < count && n < room; i++)
        if (kind_of(s) == DOMAINS)
            n += (size_t)snprintf(out + n, room - n, "%s%s", i ? "," : "", c->domains[i]);
        else
            n += (size_t)snprintf(out + n, room - n, "%s%s=%s", i ? "," : "", c->tiers[i].storage_class,
                                  c->tiers[i].path);
}

static bool describe(const struct config *c, size_t i, unsigned flags, struct config_setting *ret)
{
    const struct setting *s = NULL;
    for (size_t at = 0; at < ARRAY_LEN(settings); at++) /* secrets have no flag */
        if (settings[at].flag && (settings[at].kind_flags & flags) == flags && i-- == 0) {
            s = &settings[at];
            break;
        }
    if (!s)
        return false;
    const char *at = (const char *)c + s->offset;
    *ret = (struct config_setting){.env = s->env,
                                   .help = s->help,
                                   .initial = s->initial,
                                   .fixed_by = fixed_by(c, s),
                                   .changeable = s->kind_flags & LIVE};
    for (size_t k = 0; s->flag[k] && k + 1 < sizeof ret->name; k++)
        ret->name[k] = (char)(s->flag[k] == '-' ? '_' : s->flag[k]);
    if (kind_of(s) == NUMBER)
        snprintf(ret->value, sizeof ret->value, "%llu", (unsigned long long)*(const uint64_t *)at);
    else if (kind_of(s) == SWITCH)
        snprintf(ret->value, sizeof ret->value, "%s", *(const bool *)at ? "on" : "off");
    else if (kind_of(s) == TEXT)
        snprintf(ret->value, sizeof ret->value, "%s", *(const char *const *)at);
    else
        put_list(c, s, ret->value, sizeof ret->value);
    ret->source = source_of(c, s, ret->name);
    return true;
}

bool config_describe(const struct config *c, size_t i, struct config_setting *ret)
{
    return describe(c, i, LIVE, ret);
}

bool config_describe_any(const struct config *c, size_t i, struct config_setting *ret)
{
    return describe(c, i, 0, ret);
}

void config_fini(struct config *c)
{
    arena_free(c->strings);
    c->strings = NULL;
}
