/* SPDX-License-Identifier: Apache-2.0 */
/*
 * madmin's Metrics, for `mc admin scanner status` and `mc support top`: samples of what kernel and store count, one
 * document an interval, as many as are asked for. A sample reads a few small files of /proc and /sys, which are in
 * memory, so the subscriber's loop makes it.
 *
 * There are no batch jobs, no sites to be synced, no calls between nodes and no Go here, so those kinds are left out.
 * Threads: admin_realtime on workers; take on the subscriber's loop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/admin_api/admin_api.h"
#include "server/admin_api/common.h"
#include "server/admin_api/trace.h"
#include "server/process.h"
#include "server/server.h"
#include "store.h"
#include "upkeep.h"

#define KIND_SCANNER    1u /* madmin's bits */
#define KIND_DISK       2u
#define KIND_OS         4u
#define KIND_NET        32u
#define KIND_MEM        64u
#define KIND_CPU        128u
#define INTERVAL_MIN_MS 1000
#define INTERVAL_MAX_MS (60 * 60 * 1000)
#define FILE_MAX        (16u * 1024) /* of a file of the kernel's that is read */

struct sampler {
    struct server *server;
    char *host;
    unsigned kinds;
    uint64_t left; /* samples; UINT64_MAX: without end */
    int64_t interval_ms, due_ms;
    bool by_host, by_disk;
};

static void read_file(const char *path, char text[FILE_MAX])
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, FILE_MAX - 1, f) : 0;
    text[n] = '\0';
    if (f)
        fclose(f);
}

static void set(json_t *j, const char *name, uint64_t n)
{
    json_object_set_new(j, name, json_integer((json_int_t)n));
}

static json_t *collected(void)
{
    json_t *j = json_object();
    json_object_set_new(j, "collected", admin_time(clock_wall_ms()));
    return j;
}

/* ---- kinds ---- */

static json_t *scanner(struct server *s)
{
    struct store_stats st;
    struct upkeep_health h;
    json_t *j = collected();
    store_stats(s->store, &st);
    upkeep_health(s->upkeep, &h);
    json_object_set_new(j, "current_started", admin_time(h.pass_began_ms));
    json_object_set_new(j, "cycle_complete_times",
                        h.pass_ended_ms ? json_pack("[o]", admin_time(h.pass_ended_ms)) : json_array());
    set(j, "current_cycle", 0);
    set(j, "ongoing_buckets", 0);
    json_object_set_new(j, "life_time_ops",
                        json_pack("{s:I,s:I}", "ScanObject", (json_int_t)st.lifecycle_examined, "VerifyBlob",
                                  (json_int_t)h.scrubbed_blobs));
    json_object_set_new(j, "ilm_ops",
                        json_pack("{s:I,s:I,s:I}", "expired", (json_int_t)st.lifecycle_expired, "transitioned",
                                  (json_int_t)st.lifecycle_moved, "aborted", (json_int_t)st.lifecycle_aborted));
    json_object_set_new(j, "last_minute", json_object());
    return j;
}

/* What the kernel counts of the disk that the data lies on; a file system without one has none. */
static json_t *io_of_disk(const char *dir)
{
    static const char *const names[] = {
        "read_ios",       "read_merges",     "read_sectors",  "read_ticks",  "write_ios",  "write_merges",
        "wrte_sectors",   "write_ticks",     "current_ios",   "total_ticks", "req_ticks",  "discard_ios",
        "discard_merges", "discard_secotrs", "discard_ticks", "flush_ios",   "flush_ticks"}; /* madmin's spelling */
    char path[80], text[FILE_MAX], *at = text;
    struct stat st;
    json_t *j = json_object();
    if (stat(dir, &st) != 0)
        return j;
    snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", major(st.st_dev), minor(st.st_dev));
    read_file(path, text);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *end;
        unsigned long long n = strtoull(at, &end, 10);
        if (end == at)
            break;
        set(j, names[i], n);
        at = end;
    }
    return j;
}

static json_t *disk(struct server *s)
{
    struct process_stats p;
    json_t *j = collected();
    process_stats(&p);
    set(j, "n_disks", 1);
    json_object_set_new(j, "life_time_ops",
                        json_pack("{s:I,s:I}", "read", (json_int_t)p.read_calls, "write", (json_int_t)p.write_calls));
    json_object_set_new(j, "last_minute", json_object());
    json_object_set_new(j, "iostats", io_of_disk(s->config->dir));
    return j;
}

static json_t *os_calls(void)
{
    struct process_stats p;
    json_t *j = collected();
    process_stats(&p);
    json_object_set_new(j, "life_time_ops",
                        json_pack("{s:I,s:I}", "read", (json_int_t)p.read_calls, "write", (json_int_t)p.write_calls));
    json_object_set_new(j, "last_minute", json_object());
    return j;
}

/* All interfaces but the machine's own loop, together. */
static json_t *net(void)
{
    static const char *const names[] = {"rx_bytes", "rx_packets",    "rx_errors",     "rx_dropped",
                                        "rx_fifo",  "rx_frame",      "rx_compressed", "rx_multicast",
                                        "tx_bytes", "tx_packets",    "tx_errors",     "tx_dropped",
                                        "tx_fifo",  "tx_collisions", "tx_carrier",    "tx_compressed"};
    uint64_t sums[ARRAY_LEN(names)] = {0};
    char text[FILE_MAX], *at = text;
    read_file("/proc/net/dev", text);
    for (char *line = text; (at = strchr(line, ':')); line = at + strcspn(at, "\n")) {
        line += strspn(line, " \n");
        bool own = strncmp(line, "lo:", 3) == 0;
        at++;
        for (size_t i = 0; !own && i < ARRAY_LEN(sums); i++)
            sums[i] += strtoull(at, &at, 10);
    }
    json_t *j = collected(), *stats = json_pack("{s:s}", "name", "all");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        set(stats, names[i], sums[i]);
    json_object_set_new(j, "interfaceName", json_string("all"));
    json_object_set_new(j, "netstats", stats);
    return j;
}

static json_t *memory(const char *host)
{
    struct memory_stats m;
    json_t *j = collected(), *info = json_pack("{s:s}", "addr", host);
    memory_stats(&m);
    set(info, "total", m.total);
    set(info, "used", m.total - m.available);
    set(info, "free", m.unused);
    set(info, "available", m.available);
    set(info, "shared", m.shared);
    set(info, "cache", m.cached);
    set(info, "buffer", m.buffers);
    set(info, "limit", m.total);
    json_object_set_new(j, "memInfo", info);
    return j;
}

static json_t *cpu(void)
{
    static const char *const names[] = {"user", "nice",    "system", "idle",  "iowait",
                                        "irq",  "softirq", "steal",  "guest", "guestNice"};
    char text[FILE_MAX], *at = text + sizeof "cpu";
    double loads[3], ticks = (double)sysconf(_SC_CLK_TCK);
    json_t *j = collected(), *times = json_pack("{s:s}", "cpu", "cpu-total");
    read_file("/proc/stat", text);
    bool good = strncmp(text, "cpu ", 4) == 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        json_object_set_new(times, names[i], json_real(good ? (double)strtoull(at, &at, 10) / ticks : 0));
    load_averages(loads);
    json_object_set_new(j, "timesStat", times);
    json_object_set_new(j, "loadStat",
                        json_pack("{s:f,s:f,s:f}", "load1", loads[0], "load5", loads[1], "load15", loads[2]));
    set(j, "cpuCount", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    return j;
}

/* ---- samples ---- */

static json_t *kinds_of(const struct sampler *p)
{
    json_t *j = json_object();
    if (p->kinds & KIND_SCANNER)
        json_object_set_new(j, "scanner", scanner(p->server));
    if (p->kinds & KIND_DISK)
        json_object_set_new(j, "disk", disk(p->server));
    if (p->kinds & KIND_OS)
        json_object_set_new(j, "os", os_calls());
    if (p->kinds & KIND_NET)
        json_object_set_new(j, "net", net());
    if (p->kinds & KIND_MEM)
        json_object_set_new(j, "mem", memory(p->host));
    if (p->kinds & KIND_CPU)
        json_object_set_new(j, "cpu", cpu());
    return j;
}

static void put_sample(const struct sampler *p, struct buf *out)
{
    json_t *found = kinds_of(p),
           *j = json_pack("{s:[s],s:O,s:b}", "hosts", p->host, "aggregated", found, "final", p->left == 1);
    CHECK(j);
    if (p->by_host)
        json_object_set_new(j, "by_host", json_pack("{s:O}", p->host, found));
    if (p->by_disk)
        json_object_set_new(j, "by_disk", json_pack("{s:o}", p->server->config->dir, disk(p->server)));
    char *text = json_dumps(j, JSON_COMPACT);
    CHECK(text);
    buf_put_str(out, text);
    buf_put_char(out, '\n');
    free(text);
    json_decref(found);
    json_decref(j);
}

static bool take(void *arg, struct buf *out)
{
    struct sampler *p = arg;
    int64_t now = clock_mono_ms();
    if (now < p->due_ms)
        return true;
    p->due_ms = now + p->interval_ms;
    put_sample(p, out);
    if (p->left != UINT64_MAX)
        p->left--;
    return p->left > 0;
}

static void end(void *arg)
{
    struct sampler *p = arg;
    free(p->host);
    free(p);
}

int admin_realtime(struct req *r)
{
    struct bytes kinds = req_param(r, "types"), count = req_param(r, "n"), interval = req_param(r, "interval");
    uint64_t bits = 0, n = 0, ns = 0;
    if ((kinds.n && !bytes_to_u64(kinds, UINT32_MAX, &bits)) || (count.n && !bytes_to_u64(count, UINT32_MAX, &n)) ||
        (interval.n && !trace_duration(interval, &ns)))
        return req_failf(r, S3E_ADMIN_INVALID_ARGUMENT, "The parameters types and n are numbers, interval a duration.");
    struct sampler *p = xcalloc(1, sizeof *p);
    int64_t ms = (int64_t)(ns / 1000000);
    p->server = r->server;
    p->host = xstrdup(bytes_cstr(r->arena, admin_host(r)));
    p->kinds = bits ? (unsigned)bits : UINT32_MAX;
    p->left = n ? n : UINT64_MAX;
    p->interval_ms = ms < INTERVAL_MIN_MS ? INTERVAL_MIN_MS : ms > INTERVAL_MAX_MS ? INTERVAL_MAX_MS : ms;
    p->by_host = bytes_eq_str(req_param(r, "by-host"), "true");
    p->by_disk = bytes_eq_str(req_param(r, "by-disk"), "true");
    return admin_stream(r, take, end, p);
}
