/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of `pail server`: one struct, one table (server/config.c). Every setting has a flag, an environment name
 * PAIL_*, often a MinIO name, a default and a help text; flags beat PAIL_*, which beat MinIO's names. What the
 * environment does not have may come from a file of NAME=VALUE lines that PAIL_CONFIG_FILE or MINIO_CONFIG_ENV_FILE
 * names. Ownership: strings are the environment's, argv's or the struct's own. Threads: read-only once config_load has
 * returned.
 */
#ifndef PAIL_CONFIG_H
#define PAIL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_DOMAINS_MAX 16

#define CONFIG_TIERS_MAX 7
#define CONFIG_FILE_MAX  (64u * 1024) /* bytes of PAIL_CONFIG_FILE */

struct arena;

struct config_pair {
    const char *name, *value;
};

struct config {
    struct arena *strings; /* what the environment, the file and flags were taken apart into */
    int argc;              /* the flags, to be read again by config_reload */
    char **argv;
    const struct config_pair *file; /* what PAIL_CONFIG_FILE says */
    size_t n_file;
    const struct config_pair *kept; /* settings that were made while the server ran: config_reload_with */
    size_t n_kept;
    const char *dir;
    const char *address;              /* HOST:PORT, :PORT, [V6]:PORT; port 0: a free one */
    const char *console_address;      /* of the web console: server/console.h */
    bool console_address_set;         /* by somebody; otherwise the host is that of `address`, and it may fail */
    bool browser;                     /* is there a web console */
    const char *browser_redirect_url; /* where browsers find it: http[s]://HOST[:PORT]/[PREFIX/]; empty: not told */
    const char *server_url;           /* where browsers and clients find S3; empty: not told */
    const char *region;               /* empty: any region in a signature is accepted */
    const char *domains[CONFIG_DOMAINS_MAX];
    uint64_t n_domains;
    const char *certs_dir; /* empty: plain HTTP */
    const char *root_user, *root_password;
    const char *master_key_file; /* empty: pail.key in dir */
    const char *vault_address, *vault_key, *vault_mount, *vault_token_file, *vault_ca_file, *vault_namespace;
    const char *jwks_dir;        /* keys of identity providers, one file each; empty: none */
    const char *user;            /* to become after binding; empty: none */
    bool sandbox;                /* server/sandbox.h */
    bool default_credentials;    /* neither was set: minioadmin, from this machine alone */
    uint64_t threads;            /* event loops; 0: one per core */
    uint64_t workers;            /* threads for document operations and blob I/O */
    const char *log_format;      /* text, json */
    const char *log_level;       /* error, warn, info, debug */
    const char *prometheus_auth; /* jwt, public */
    const char *audit_file, *audit_webhook, *audit_webhook_token, *audit_webhook_ca; /* server/audit.h */
    uint64_t audit_file_max_mib, audit_file_keep, audit_webhook_batch, audit_queue_mib;

    /* Limits of a client's requests. */
    uint64_t max_header_bytes; /* request line and headers */
    uint64_t max_headers;      /* count */
    uint64_t max_uri_bytes;    /* request target */
    uint64_t header_timeout_s; /* from the first byte of a request to the end of its head */
    uint64_t idle_timeout_s;   /* keep-alive connection without a request; a transfer without progress */
    uint64_t min_body_rate;    /* bytes/s a body or a reply must make, averaged, after the grace */
    uint64_t min_body_rate_grace_s;
    uint64_t max_connections;             /* whole server */
    uint64_t max_connections_per_address; /* one peer address */
    uint64_t max_queued_jobs;             /* waiting for a worker; beyond: 503 SlowDown */
    uint64_t document_memory_mib;         /* documents of all requests and replies; beyond: 503 SlowDown */
    uint64_t document_timeout_s;          /* a document that counts there may take on its connection */
    uint64_t drain_timeout_s;             /* SIGTERM: how long running requests may take to end */
    struct config_tier {
        const char *storage_class, *path;
    } tiers[CONFIG_TIERS_MAX]; /* classes whose blobs have a folder of their own */
    size_t n_tiers;
    uint64_t lifecycle_day_s;                         /* how long a day of the lifecycle rules is; 0: a day */
    const char *default_object_ownership;             /* of new buckets */
    const char *default_encryption;                   /* AES256 or none: of objects in buckets that say nothing else */
    const char *compress_types, *compress_extensions; /* with commas; `*` at the end of a type: any rest */
    const char *trusted_proxy;                        /* networks, with commas; checked */
    uint64_t scrub_rate_mib;                          /* MiB/s; 0: never */
    uint64_t scrub_interval_h;                        /* between the beginnings of two passes */
    uint64_t snapshot_interval_h;                     /* of the index; 0: none */
    uint64_t snapshots_kept;
    uint64_t index_map_mib; /* first size of the index's memory map; it grows by itself */
    /* Switches, together: so they take little room. */
    bool trust_clock;         /* however far it jumped */
    bool allow_insecure_ssec; /* customers' keys may come without TLS */
    bool compress;            /* objects of the types and extensions above, unless a bucket says otherwise */
    bool verify_reads;        /* compare blocks with their checksums whenever they are read */
    bool access_log;          /* one line per request */
};

/*
 * Reads flags (argv after the word `server`) and the environment. 0: go on; 1: help was printed, stop with success;
 * -1: *ret_error is one clear line for the user. config_fini afterwards in every case.
 */
int config_load(struct config *, int argc, char **argv, char ret_error[512]);
/*
 * Reads the same flags, environment and file again. *ret gets the new values of the settings that may change while the
 * server runs (marked in --help) and the old ones of all others; ret_note names changed ones that wait for a restart
 * (empty: none). 0, or -1 with *ret_error, then *ret is nothing. The texts of `old` must live on.
 */
int config_reload(const struct config *old, struct config *ret, char ret_note[512], char ret_error[512]);
/*
 * The same with settings that administrators made while the server ran and that are kept with the data: names as
 * config_describe has them. They come before the environment, the file and flags, which win. The pairs are copied. A
 * name that is no such setting, or a value that it does not take, is an error.
 */
int config_reload_with(const struct config *old, const struct config_pair *, size_t n, struct config *ret,
                       char ret_note[512], char ret_error[512]);

/* A setting that may change while the server runs, or any but the secret ones; false: there are no more. */
enum config_source { CONFIG_DEFAULT, CONFIG_FLAG, CONFIG_ENVIRONMENT, CONFIG_ADMIN };
struct config_setting {
    char name[48];          /* its flag with _ for - */
    const char *env, *help; /* PAIL_...; a line */
    const char *initial;
    char value[512];      /* in effect */
    const char *fixed_by; /* the variable, or --flag, that wins over what is kept; NULL: nothing does */
    enum config_source source;
    bool changeable; /* while the server runs */
};
bool config_describe(const struct config *, size_t i, struct config_setting *ret);
bool config_describe_any(const struct config *, size_t i, struct config_setting *ret);
void config_fini(struct config *);
void config_help(FILE *to);

#endif
