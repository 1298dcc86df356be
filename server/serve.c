/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pail server`: reads the settings, wires the modules, serves until SIGTERM or SIGINT, drains, closes.
 * Threads: the first one waits for signals; everything else runs on loops, workers and the store's.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "checksum.h"
#include "config.h"
#include "server/access.h"
#include "server/addr_limit.h"
#include "backends.h"
#include "server/conn.h"
#include "data_dir.h"
#include "keyring.h"
#include "master_key.h"
#include "server/iam/identities.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/pool.h"
#include "server/server.h"
#include "server/tls.h"
#include "server/xml/parse.h"
#include "store.h"
#include "upkeep.h"
#include "vault.h"
#include "version.h"

#define CERTS_CHECK_S 5 /* how often certificate files are looked at */

static int die(const char *text)
{
    fprintf(stderr, "pail: %s\n", text);
    return 1;
}

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (unsigned)n;
}

/* A server needs more descriptors than the usual soft limit. */
static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void setup_process(const struct config *cfg)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_INFO;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(cfg->log_level, levels[i]) == 0)
            level = (enum log_level)i;
    log_setup(strcmp(cfg->log_format, "json") == 0 ? LOG_JSON : LOG_TEXT, level);
    signal(SIGPIPE, SIG_IGN);
    umask(0077);
    mallopt(M_ARENA_MAX, 4);               /* one per thread would cost megabytes each */
    mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* body buffers go back to the system at once */
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    raise_descriptor_limit();
    xml_parse_init();
}

/* Said loudly: with real data behind it, this setting loses them. */
static void warn_of_short_days(uint64_t seconds)
{
    printf("\n*** --lifecycle-day %llu: a day of the lifecycle rules takes %llu seconds. For tests and demos only:\n"
           "*** objects expire and change their class EARLY.\n\n",
           (unsigned long long)seconds, (unsigned long long)seconds);
    log_warn("start", "--lifecycle-day %llu: lifecycle rules take a day to be %llu seconds long, so objects go early",
             (unsigned long long)seconds, (unsigned long long)seconds);
}

/* Where the master key lies is nothing to find out when it is lost. */
static void tell_of_master_key(const struct master_key *k)
{
    if (!k->crypt) {
        printf("\n*** %s.\n*** Secret keys of users and encrypted objects are NOT available; everything else is.\n\n",
               k->problem);
        log_error("start", "%s; secret keys of users and encrypted objects are not available", k->problem);
    } else if (k->from == MASTER_KEY_FROM_FOLDER) {
        printf("Master key: %s%s. Whoever has the folder has the key, too; `pail key move FILE --data DIR` takes it "
               "elsewhere.\n",
               k->path, k->made ? " (new)" : "");
        log_info("start", "the master key lies in the data folder: %s", k->path);
    } else {
        printf("Master key: %s\n", k->path);
    }
    if (k->crypt && k->left)
        log_warn("start", "pail.key in the data folder is not in use: the master key comes from %s", k->path);
}

static void print_welcome(const struct server *s, const char *where)
{
    const struct config *cfg = s->config;
    const char *scheme = s->tls ? "https" : "http";
    printf("Pail %s, data in %s\n", PAIL_VERSION, cfg->dir);
    printf("S3 endpoint: %s://%s\n", scheme, where);
    if (cfg->default_credentials)
        printf(
            "Credentials: minioadmin / minioadmin, from this machine alone; set PAIL_ROOT_USER and PAIL_ROOT_PASSWORD "
            "to allow access from elsewhere.\n"
            "Try: AWS_ACCESS_KEY_ID=minioadmin AWS_SECRET_ACCESS_KEY=minioadmin AWS_DEFAULT_REGION=%s aws "
            "--endpoint-url "
            "%s://%s s3 mb s3://my-bucket\n",
            *cfg->region ? cfg->region : "us-east-1", scheme, where);
    else
        printf("Credentials: access key %s, secret key as set\n"
               "Try: AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=... AWS_DEFAULT_REGION=%s aws --endpoint-url %s://%s "
               "s3 ls\n",
               cfg->root_user, cfg->root_user, *cfg->region ? cfg->region : "us-east-1", scheme, where);
    tell_of_master_key(s->master_key);
    if (cfg->lifecycle_day_s)
        warn_of_short_days(cfg->lifecycle_day_s);
    fflush(stdout);
}

/* ---- shutdown ---- */

struct drain {
    struct loop_msg msg;
    struct loop *loop;
    struct listener *listener; /* for loop 0 */
};

static void drain_loop(struct loop_msg *m)
{
    struct drain *d = (struct drain *)m;
    if (d->listener)
        listener_stop(d->listener);
    conn_drain_all(d->loop);
    free(d);
}

/* Running requests end, for a bounded time; then the loops stop. */
static void drain(struct server *s, struct listener *listener)
{
    int64_t until = clock_mono_ms() + (int64_t)s->config->drain_timeout_s * 1000;
    atomic_store(&s->draining, true);
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct drain *d = xcalloc(1, sizeof *d);
        *d = (struct drain){.msg.handle = drain_loop, .loop = s->loops[i], .listener = i == 0 ? listener : NULL};
        loop_post(s->loops[i], &d->msg);
    }
    while (atomic_load(&s->n_conns) > 0 && clock_mono_ms() < until)
        usleep(10 * 1000);
    if (atomic_load(&s->n_conns) > 0)
        log_warn("stop", "%u connections did not end in %llu s and are cut", atomic_load(&s->n_conns),
                 (unsigned long long)s->config->drain_timeout_s);
}

static void wait_for_signal(struct server *s, const sigset_t *set)
{
    struct timespec period = {.tv_sec = CERTS_CHECK_S};
    for (;;) {
        int sig = sigtimedwait(set, NULL, &period);
        if (sig == SIGTERM || sig == SIGINT) {
            log_info("stop", "%s: draining", sig == SIGTERM ? "SIGTERM" : "SIGINT");
            return;
        }
        if (s->tls)
            tls_reload_if_changed(s->tls);
    }
}

static void start_loops(struct server *s)
{
    s->n_loops = s->config->threads ? (unsigned)s->config->threads : cores();
    s->loops = xcalloc(s->n_loops, sizeof *s->loops);
    for (unsigned i = 0; i < s->n_loops; i++)
        s->loops[i] = loop_create(s, i);
}

/* Also after a start that was refused half-way: what was not made is NULL. */
static void stop_server(struct server *s, struct listener **listener)
{
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_stop(s->loops[i]);
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_join(s->loops[i]);
    pool_free(&s->pool); /* jobs that still run end first, then the commits they began */
    if (s->identities)
        identities_set_pool(s->identities, NULL);
    do
        for (unsigned i = 0; i < s->n_loops; i++)
            loop_finish(s->loops[i]);
    while (atomic_load(&s->n_conns) > 0 && usleep(1000) == 0);
    upkeep_close(&s->upkeep);
    identities_close(&s->identities);
    keyring_close(&s->keyring); /* its thread works on the store */
    vault_close(&s->vault);
    store_close(&s->store);
    listener_free(listener); /* its events belong to a loop */
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_free(&s->loops[i]);
    free(s->loops);
    addr_limit_free(&s->addresses);
    access_cache_free(&s->access);
    tls_free(&s->tls);
}

static bool open_keys(struct server *s, const struct data_dir *dir, const char *environment, struct master_key *master,
                      char error[512])
{
    struct master_key_options mo = {
        .store = s->store, .data_dir = dir->path, .file = s->config->master_key_file, .environment = environment};
    s->vault = vault_open(s->config, error);
    if (!s->vault && *error)
        return false;
    if (!master_key_open(&mo, master, error))
        return false;
    s->master_key = master;
    struct keyring_options ko = {
        .store = s->store, .master = master->crypt, .service = vault_service(s->vault), .no_background = false};
    int rc = keyring_open(&ko, &s->keyring);
    if (rc != KEYRING_OK)
        snprintf(error, 512, "the keys of %.300s cannot be read: %s", dir->path, keyring_rc_name(rc));
    return rc == KEYRING_OK;
}

static struct upkeep *open_upkeep(const struct server *s, const struct data_dir *dir)
{
    const struct config *cfg = s->config;
    const uint64_t hour_ms = 60 * 60 * 1000;
    return upkeep_open(&(struct upkeep_options){.store = s->store,
                                                .folder = dir->path,
                                                .scrub_rate = cfg->scrub_rate_mib << 20,
                                                .scrub_interval_ms = cfg->scrub_interval_h * hour_ms,
                                                .snapshot_interval_ms = cfg->snapshot_interval_h * hour_ms,
                                                .snapshots_kept = (unsigned)cfg->snapshots_kept});
}

/* What may be refused, in the order in which a refusal touches least. */
static bool prepare(struct server *s, struct data_dir *dir, struct listener **listener, struct master_key *master,
                    char where[300], char error[512])
{
    const struct config *cfg = s->config;
    char environment[MASTER_KEY_TEXT];
    master_key_take_environment(environment); /* the store has threads */
    if (!checksum_self_test()) {
        snprintf(error, 512, "the checksum code of this build is broken; it will not touch data");
        return false;
    }
    if (!listener_check_address(cfg->console_address, error))
        return false;
    for (size_t i = 0; i < cfg->n_domains; i++)
        s->domains[s->n_domains++] = bytes_str(cfg->domains[i]);
    (void)client_proxies_parse(cfg->trusted_proxy, &s->proxies); /* checked with the other settings */
    if (*cfg->certs_dir && !(s->tls = tls_open(cfg->certs_dir, error)))
        return false;
    *listener = listener_open(s, cfg->address, where, error);
    if (!*listener || !data_dir_open(cfg->dir, dir, error))
        return false;
    s->store = backends_open(cfg, dir, error);
    if (!s->store)
        return false;
    bool good = open_keys(s, dir, environment, master, error);
    OPENSSL_cleanse(environment, sizeof environment);
    if (!good)
        return false;
    struct identities_options who = {.store = s->store, .config = cfg, .crypt = master->crypt};
    if (!identities_open(&who, &s->identities, error))
        return false;
    s->upkeep = open_upkeep(s, dir);
    return true;
}

static void run(struct server *s, struct listener *listener, const char *where, const sigset_t *signals)
{
    const struct config *cfg = s->config;
    s->addresses = addr_limit_create((size_t)cfg->max_connections_per_address);
    s->access = access_cache_create();
    s->pool = pool_create((size_t)cfg->workers, (size_t)cfg->max_queued_jobs);
    identities_set_pool(s->identities, s->pool);
    start_loops(s);
    listener_start(listener);
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_start(s->loops[i]);
    print_welcome(s, where);
    log_info("start", "pail %s serves %s on %s, %u loops, %llu workers%s", PAIL_VERSION, cfg->dir, where, s->n_loops,
             (unsigned long long)cfg->workers,
             cfg->default_credentials ? "; default credentials, usable from this machine alone: set PAIL_ROOT_USER"
                                      : "");
    wait_for_signal(s, signals);
    drain(s, listener);
}

static int serve(const struct config *cfg)
{
    struct server s = {.config = cfg};
    struct data_dir dir = {.lock_fd = -1};
    struct master_key master = {0};
    struct listener *listener = NULL;
    char error[512], where[300];
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread, the store's too: they inherit it */
    bool ready = prepare(&s, &dir, &listener, &master, where, error);
    if (ready && !log_writer_start()) {
        snprintf(error, sizeof error, "the system has no thread for the log");
        ready = false;
    }
    if (ready)
        run(&s, listener, where, &signals);
    stop_server(&s, &listener);
    master_key_close(&master);
    data_dir_close(&dir);
    if (!ready)
        return die(error);
    log_info("stop", "stopped");
    log_writer_stop();
    return 0;
}

int serve_command(int argc, char **argv)
{
    struct config cfg;
    char error[512];
    int rc = config_load(&cfg, argc, argv, error);
    if (rc == 0) {
        setup_process(&cfg);
        rc = serve(&cfg);
    } else {
        rc = rc > 0 ? 0 : (die(error), 2);
    }
    config_fini(&cfg);
    return rc;
}
