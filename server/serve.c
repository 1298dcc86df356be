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
#include "base/parsed_cache.h"
#include "checksum.h"
#include "config.h"
#include "server/access.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/heal.h"
#include "server/admin_api/settings.h"
#include "server/addr_limit.h"
#include "server/audit.h"
#include "backends.h"
#include "server/conn.h"
#include "server/console.h"
#include "server/handover.h"
#include "server/history.h"
#include "data_dir.h"
#include "keyring.h"
#include "master_key.h"
#include "server/iam/identities.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/metrics.h"
#include "server/pool.h"
#include "server/recent.h"
#include "server/sandbox.h"
#include "server/scrape_memory.h"
#include "server/server.h"
#include "server/service.h"
#include "server/tls.h"
#include "server/xml/parse.h"
#include "store.h"
#include "upkeep.h"
#include "vault.h"
#include "version.h"

#define CERTS_CHECK_MS    5000 /* how often certificate files are looked at */
#define HANDOVER_GRACE_MS 1000 /* for kept connections to bring one more request */
#define RELOADS_MAX       1000 /* settings of earlier ones stay in memory */

/* What the first thread knows beside the server. */
struct process {
    struct server server;
    struct data_dir dir;
    struct listener *listener, *console; /* the second NULL: there is none */
    sigset_t signals;
    char where[300], console_where[300];
    char **argv;
    struct handover handover;
    struct master_key master_key;
    char environment_key[MASTER_KEY_TEXT]; /* as PAIL_MASTER_KEY had it, for the process that follows; empty: it had not
                                            */
    struct config reloaded[RELOADS_MAX];
    size_t n_reloaded;
};

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

static void setup_log(const struct config *cfg)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_INFO;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(cfg->log_level, levels[i]) == 0)
            level = (enum log_level)i;
    log_setup(strcmp(cfg->log_format, "json") == 0 ? LOG_JSON : LOG_TEXT, level);
}

static void setup_process(const struct config *cfg)
{
    setup_log(cfg);
    handover_remember_program();
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

static void tell_of_console(const struct server *s, const char *where, bool there)
{
    if (!there)
        return;
    printf("Console: %s://%s%s%s\n", s->tls ? "https" : "http", where, console_prefix(s->console),
           console_is_built() ? "" : " (none: this server was built without it)");
    if (!console_is_built())
        log_warn("start", "this server was built without its web console");
}

static void print_welcome(const struct process *p)
{
    const struct server *s = &p->server;
    const char *where = p->where;
    const struct config *cfg = s->config;
    const char *scheme = s->tls ? "https" : "http";
    printf("Pail %s, data in %s\n", PAIL_VERSION, cfg->dir);
    printf("S3 endpoint: %s://%s\n", scheme, where);
    tell_of_console(s, p->console_where, p->console != NULL);
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

/* ---- while it runs ---- */

/* The settings again, with those that administrators made. False: *error says what is wrong, and nothing changes. */
static bool read_settings(struct process *p, char note[512], char error[512])
{
    struct config *fresh = &p->reloaded[p->n_reloaded];
    struct arena *a = arena_create(0);
    size_t n;
    const struct config_pair *kept = admin_settings_read(p->server.store, a, &n);
    bool good = config_reload_with(p->server.config, kept, n, fresh, note, error) == 0;
    arena_free(a);
    if (good) {
        p->n_reloaded++;
        setup_log(fresh);
        atomic_store(&p->server.config, fresh);
    }
    return good;
}

/* SIGHUP: settings that may change, and certificates. A mistake changes nothing. */
static void reload(struct process *p)
{
    char note[512], error[512];
    service_notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_ns() / 1000);
    if (p->n_reloaded == RELOADS_MAX) {
        log_error("reload", "SIGHUP: settings were read %d times; restart to read them again", RELOADS_MAX);
    } else if (!read_settings(p, note, error)) {
        log_error("reload", "SIGHUP: %s; all settings stay as they were", error);
    } else {
        log_info("reload", "SIGHUP: settings were read again%s%s", *note ? "; these wait for a restart: " : "", note);
    }
    if (p->server.tls)
        tls_reload_if_changed(p->server.tls);
    service_notify("READY=1");
}

/* SIGUSR2. True: the new process waits for the data. */
static bool hand_over(struct process *p)
{
    char error[512];
    const int sockets[] = {
        [HANDOVER_S3] = listener_socket(p->listener), [HANDOVER_CONSOLE] = listener_socket(p->console)};
    log_info("handover", "SIGUSR2: starting the new process");
    if (handover_begin(&p->handover, p->argv, sockets, p->environment_key, error))
        return true;
    log_error("handover", "%s; this process goes on", error);
    return false;
}

/* Answers the signal that ends it. */
static int wait_for_signal(struct process *p)
{
    uint64_t beat = service_watchdog_ms(), period = beat && beat < CERTS_CHECK_MS ? beat : CERTS_CHECK_MS;
    struct timespec wait = {.tv_sec = (time_t)(period / 1000), .tv_nsec = (long)(period % 1000) * 1000000};
    for (;;) {
        int sig = sigtimedwait(&p->signals, NULL, &wait);
        if (sig == SIGTERM || sig == SIGINT || (sig == SIGUSR2 && hand_over(p)))
            return sig;
        if (sig == SIGHUP)
            reload(p);
        if (beat)
            service_notify("WATCHDOG=1");
        if (p->server.tls)
            tls_reload_if_changed(p->server.tls);
    }
}

/* ---- shutdown ---- */

struct drain {
    struct loop_msg msg;
    struct loop *loop;
    struct listener *listeners[2]; /* to be stopped; for loop 0 */
};

static void drain_loop(struct loop_msg *m)
{
    struct drain *d = (struct drain *)m;
    for (size_t i = 0; i < ARRAY_LEN(d->listeners); i++)
        if (d->listeners[i])
            listener_stop(d->listeners[i]);
    if (atomic_load(&d->loop->server->draining) == DRAIN_CLOSE)
        conn_drain_all(d->loop);
    free(d);
}

static void drain_step(struct process *p, enum drain_step step)
{
    struct server *s = &p->server;
    atomic_store(&s->draining, step);
    for (unsigned i = 0; i < s->n_loops; i++) {
        struct drain *d = xcalloc(1, sizeof *d);
        *d = (struct drain){.msg.handle = drain_loop, .loop = s->loops[i]};
        if (i == 0) {
            d->listeners[0] = p->listener;
            d->listeners[1] = p->console;
        }
        loop_post(s->loops[i], &d->msg);
    }
}

static void wait_for_connections(const struct server *s, int64_t until_ms)
{
    while (atomic_load(&s->n_conns) > 0 && clock_mono_ms() < until_ms)
        usleep(10 * 1000);
}

/* Running requests end, for a bounded time; then the loops stop. */
static void drain(struct process *p, int sig)
{
    struct server *s = &p->server;
    const struct config *cfg = s->config;
    int64_t now = clock_mono_ms(), until = now + (int64_t)cfg->drain_timeout_s * 1000;
    log_info("stop", "%s: draining", sig == SIGTERM ? "SIGTERM" : sig == SIGINT ? "SIGINT" : "SIGUSR2");
    service_notify(sig == SIGUSR2 ? "STATUS=handing over" : "STOPPING=1");
    if (sig == SIGUSR2) {
        drain_step(p, DRAIN_ANNOUNCE);
        wait_for_connections(s, now + HANDOVER_GRACE_MS);
    }
    drain_step(p, DRAIN_CLOSE);
    wait_for_connections(s, until);
    if (atomic_load(&s->n_conns) > 0)
        log_warn("stop", "%u connections did not end in %llu s and are cut", atomic_load(&s->n_conns),
                 (unsigned long long)cfg->drain_timeout_s);
}

static void start_loops(struct server *s)
{
    s->n_loops = s->config->threads ? (unsigned)s->config->threads : cores();
    s->loops = xcalloc(s->n_loops, sizeof *s->loops);
    s->metrics = metrics_create(s->n_loops);
    for (unsigned i = 0; i < s->n_loops; i++)
        s->loops[i] = loop_create(s, i);
}

/* Also after a start that was refused half-way: what was not made is NULL. */
static void stop_server(struct process *p)
{
    struct server *s = &p->server;
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_stop(s->loops[i]);
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_join(s->loops[i]);
    history_close(&s->history);
    pool_free(&s->pool); /* jobs that still run end first, then the commits they began */
    if (s->identities)
        identities_set_pool(s->identities, NULL);
    do
        for (unsigned i = 0; i < s->n_loops; i++)
            loop_finish(s->loops[i]);
    while (atomic_load(&s->n_conns) > 0 && usleep(1000) == 0);
    heal_stop();
    upkeep_close(&s->upkeep);
    identities_close(&s->identities);
    keyring_close(&s->keyring); /* its thread works on the store */
    vault_close(&s->vault);
    store_close(&s->store);
    audit_close(&s->audit);
    listener_free(&p->listener); /* their events belong to a loop */
    listener_free(&p->console);
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_free(&s->loops[i]);
    free(s->loops);
    addr_limit_free(&s->addresses);
    parsed_cache_free(&s->access);
    metrics_free(&s->metrics);
    scrape_memory_free(s);
    tls_free(&s->tls);
    console_free(&s->console);
    recent_close(&s->recent);
}

static bool open_keys(struct process *p, char error[512])
{
    struct server *s = &p->server;
    struct master_key_options mo = {.store = s->store,
                                    .data_dir = p->dir.path,
                                    .file = s->config->master_key_file,
                                    .environment = p->environment_key};
    s->vault = vault_open(s->config, error);
    if (!s->vault && *error)
        return false;
    if (!master_key_open(&mo, &p->master_key, error))
        return false;
    s->master_key = &p->master_key;
    struct keyring_options ko = {
        .store = s->store, .master = p->master_key.crypt, .service = vault_service(s->vault), .no_background = false};
    int rc = keyring_open(&ko, &s->keyring);
    if (rc == KEYRING_UNAVAILABLE)
        snprintf(error, 512, "the system has no thread for the keys");
    else if (rc != KEYRING_OK)
        snprintf(error, 512, "the keys of %.300s cannot be read: %s", p->dir.path, keyring_rc_name(rc));
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

/*
 * Nobody asked for the default address: a server that cannot have it (the second on a machine) runs without console.
 * Its host is S3's, so that what is served to this machine alone stays so.
 */
static bool open_console(struct process *p, char error[512])
{
    struct server *s = &p->server;
    const struct config *cfg = s->config;
    char beside[300];
    int handed = handover_socket(HANDOVER_CONSOLE), fd = handed >= 0 ? handed : service_socket("console");
    if (!cfg->browser) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    const char *address = cfg->console_address;
    if (!cfg->console_address_set) {
        snprintf(beside, sizeof beside, "%.*s%s", (int)(strrchr(cfg->address, ':') - cfg->address), cfg->address,
                 address);
        address = beside;
    }
    p->console = listener_open(s, address, fd, p->console_where, error);
    if (!p->console && cfg->console_address_set)
        return false;
    if (!p->console) {
        log_warn("start", "no web console: %s; --console-address takes another", error);
        return true;
    }
    listener_for_console(p->console);
    s->console = console_create(cfg, listener_port(p->listener));
    return true;
}

/* What root writes there another user cannot open later. */
static void warn_of_owner(const char *folder)
{
    struct stat st;
    if (geteuid() == 0 && stat(folder, &st) == 0 && st.st_uid != 0)
        log_warn("start", "%s belongs to user %u and this server runs as root; --user lets it run as that one", folder,
                 (unsigned)st.st_uid);
}

/* What may be refused, in the order in which a refusal touches least; the data last. */
static bool prepare(struct process *p, char error[512])
{
    struct server *s = &p->server;
    const struct config *cfg = s->config;
    master_key_take_environment(p->environment_key); /* the store has threads */
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
    int handed = handover_socket(HANDOVER_S3);
    p->listener = listener_open(s, cfg->address, handed >= 0 ? handed : service_socket("s3"), p->where, error);
    if (!p->listener || !open_console(p, error))
        return false;
    if (*cfg->user && !sandbox_become(cfg->user, error))
        return false;
    if (!handover_wait()) {
        snprintf(error, 512, "the process that was to hand over its data did not");
        return false;
    }
    if (!data_dir_open(cfg->dir, &p->dir, error))
        return false;
    warn_of_owner(p->dir.path);
    s->store = backends_open(cfg, &p->dir, error);
    if (!s->store)
        return false;
    admin_deployment_id(s->store, s->deployment_id);
    if (!open_keys(p, error))
        return false;
    struct identities_options who = {.store = s->store, .config = cfg, .crypt = p->master_key.crypt};
    if (!identities_open(&who, &s->identities, error) || !audit_open(cfg, p->dir.path, &s->audit, error))
        return false;
    s->upkeep = open_upkeep(s, &p->dir);
    if (!s->upkeep)
        snprintf(error, 512, "the system has no thread for the care of the data");
    return s->upkeep != NULL;
}

/* Instrumented builds look at themselves by calls that no server makes. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
#define INSTRUMENTED true
#else
#define INSTRUMENTED false
#endif

static void enter_sandbox(const struct config *cfg)
{
    char error[512];
    if (cfg->sandbox && !INSTRUMENTED && !sandbox_enter(error))
        log_warn("start", "%s; the server runs without that protection (--sandbox off silences this)", error);
}

static void run(struct process *p)
{
    struct server *s = &p->server;
    const struct config *cfg = s->config;
    s->addresses = addr_limit_create((size_t)cfg->max_connections_per_address);
    s->access = access_cache_create();
    s->pool = pool_create((size_t)cfg->workers, (size_t)cfg->max_queued_jobs);
    identities_set_pool(s->identities, s->pool);
    char note[512], error[512];
    if (!read_settings(p, note, error))
        log_error("start", "the settings that administrators made are left out: %s", error);
    cfg = s->config;
    start_loops(s);
    s->recent = recent_open(s->n_loops);
    s->history = history_open(s, p->dir.path);
    if (!s->history)
        log_error("start", "the system has no thread for the charts: there is no history");
    listener_start(p->listener);
    if (p->console)
        listener_start(p->console);
    for (unsigned i = 0; i < s->n_loops; i++)
        loop_start(s->loops[i]);
    enter_sandbox(cfg);
    print_welcome(p);
    service_notify("READY=1\nMAINPID=%lld\nSTATUS=serving %.200s", (long long)getpid(), p->where);
    log_info("start", "pail %s serves %s on %s, %u loops, %llu workers, AES by %s%s", PAIL_VERSION, cfg->dir, p->where,
             s->n_loops, (unsigned long long)cfg->workers, store_cipher_library(),
             cfg->default_credentials ? "; default credentials, usable from this machine alone: set PAIL_ROOT_USER"
                                      : "");
    drain(p, wait_for_signal(p));
}

static void block_signals(sigset_t *set)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(set, signals[i]);
    pthread_sigmask(SIG_BLOCK, set, NULL); /* before any thread, the store's too: they inherit it */
}

static int serve(const struct config *cfg, char **argv)
{
    struct process *p = xcalloc(1, sizeof *p);
    char error[512];
    p->server.config = cfg;
    p->dir.lock_fd = -1;
    p->argv = argv;
    p->handover.channel = -1;
    block_signals(&p->signals);
    recent_keep_lines();
    bool ready = prepare(p, error);
    if (ready && !log_writer_start()) {
        snprintf(error, sizeof error, "the system has no thread for the log");
        ready = false;
    }
    if (ready)
        run(p);
    stop_server(p);
    master_key_close(&p->master_key);
    data_dir_close(&p->dir);
    if (p->handover.channel >= 0)
        service_notify("MAINPID=%lld", (long long)p->handover.pid);
    handover_go(&p->handover);
    if (ready) {
        log_info("stop", "stopped");
        log_writer_stop();
    }
    for (size_t i = 0; i < p->n_reloaded; i++)
        config_fini(&p->reloaded[i]);
    OPENSSL_cleanse(p->environment_key, sizeof p->environment_key);
    free(p);
    return ready ? 0 : die(error);
}

int serve_command(int argc, char **argv)
{
    char **whole = argv - 2; /* "pail", "server" stand before */
    struct config cfg;
    char error[512];
    int rc = config_load(&cfg, argc, argv, error);
    if (rc == 0) {
        setup_process(&cfg);
        rc = serve(&cfg, whole);
    } else {
        rc = rc > 0 ? 0 : (die(error), 2);
    }
    config_fini(&cfg);
    return rc;
}
