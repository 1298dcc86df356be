/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the lines of the audit log go, see audit.h. Each loop gathers lines in a stripe of its own, and
 * hands them over by the dozen; what a quiet server has gathered the writer takes, and sorts. Two buffers: stripes fill
 * one under a lock that nobody holds while waiting; the writer exchanges them every AUDIT_FLUSH_MS and writes the full
 * one to the file (audit_file.c) and to the queue's last segment. The sender reads the oldest segment, posts whole
 * lines, and writes down how far it has come; a segment that was sent whole is removed. So memory is bounded by the
 * buffers, the disk by the queue's limit.
 *
 *   DIR/audit/<number>.jsonl   segments, in order; the last one grows
 *   DIR/audit/sent             "<number> <bytes>": how far the webhook has taken them
 *
 * Threads: audit_request on loops; one writer; one sender where there is a webhook.
 */
#include "server/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/log.h"
#include "config.h"
#include "http_client.h"
#include "server/audit_file.h"
#include "server/audit_line.h"
#include "server/conn.h"
#include "server/loop.h"
#include "server/req.h"

#define SEGMENT_BYTES (4u << 20)
#define SEGMENT_NAME  "/%020llu.jsonl"
#define RETRY_MS      1000  /* after a post that was not taken, doubled ... */
#define RETRY_MAX_MS  30000 /* ... up to this */
#define POST_MS       10000
#define PATH_BYTES    4400
#define STRIPES       16
#define STRIPE_BYTES  (32u << 10) /* handed over when there may be no room for one more line, while caches have it */
#define STRIPE_LINES  64
#define HUGE_PAGE     (2u << 20)
/* Of a buffer: what a burst has filled beyond goes back to the system. */
#define RELEASE_BYTES (AUDIT_WAKE_BYTES + HUGE_PAGE)

/* A loop's, and the writer's when time is up. Its lock is held before the audit's. */
struct stripe {
    alignas(64) pthread_mutex_t lock;
    size_t n, n_lines;
    _Atomic uint64_t lines; /* ever; written with the lock held */
    struct line_end {
        uint64_t ns; /* when its request ended */
        size_t end;
    } ends[STRIPE_LINES];
    char text[STRIPE_BYTES];
};

struct audit {
    struct stripe stripes[STRIPES];
    alignas(64) pthread_mutex_t lock;
    char *fill; /* AUDIT_BUFFER bytes */
    size_t n;

    pthread_cond_t wake, more; /* the writer, the sender */
    pthread_t writer, sender;
    bool stopping, has_writer, has_sender, said_dropped;
    char *spare; /* AUDIT_BUFFER bytes */

    struct audit_file *file; /* NULL: none */

    const char *url, *token, *ca_file;
    unsigned batch_lines;
    char folder[PATH_BYTES];
    int segment_fd;
    uint64_t first, last; /* numbers of the segments there are; last is being written */
    uint64_t segment_bytes, queue_max;
    uint64_t sent_number, sent_bytes; /* the sender's */

    _Atomic uint64_t dropped, sent, failed, queued;
};

/* ---- the queue's files ---- */

static void segment_path(const struct audit *a, uint64_t number, char path[PATH_BYTES + 32])
{
    snprintf(path, PATH_BYTES + 32, "%s" SEGMENT_NAME, a->folder, (unsigned long long)number);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The numbers of what earlier runs left. */
static bool find_segments(struct audit *a, char error[512])
{
    DIR *d = opendir(a->folder);
    uint64_t number, total = 0;
    char path[PATH_BYTES + 32];
    a->first = UINT64_MAX;
    a->last = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        struct bytes name = bytes_str(e->d_name);
        if (name.n != 26 || !bytes_ends(name, BYTES_LIT(".jsonl")) ||
            !bytes_to_u64(bytes_cut(name, 0, 20), UINT64_MAX - 1, &number))
            continue;
        segment_path(a, number, path);
        total += size_of(path);
        a->first = number < a->first ? number : a->first;
        a->last = number > a->last ? number : a->last;
    }
    if (!d) {
        snprintf(error, 512, "%.400s: %s", a->folder, strerror(errno));
        return false;
    }
    closedir(d);
    if (a->first == UINT64_MAX)
        a->first = a->last + 1;
    a->last++; /* a new one: the last of the run before may end in half a line */
    atomic_store(&a->queued, total);
    return true;
}

static bool open_segment(struct audit *a)
{
    char path[PATH_BYTES + 32];
    segment_path(a, a->last, path);
    a->segment_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    a->segment_bytes = 0;
    return a->segment_fd >= 0;
}

static void read_position(struct audit *a)
{
    char path[PATH_BYTES + 32], text[64] = {0};
    unsigned long long number = 0, bytes = 0;
    snprintf(path, sizeof path, "%s/sent", a->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && read(fd, text, sizeof text - 1) > 0 && sscanf(text, "%llu %llu", &number, &bytes) == 2;
    if (fd >= 0)
        close(fd);
    a->sent_number = a->first;
    a->sent_bytes = known && number == a->first ? bytes : 0;
}

static void write_position(const struct audit *a)
{
    char path[PATH_BYTES + 32], fresh[PATH_BYTES + 32], text[64];
    snprintf(path, sizeof path, "%s/sent", a->folder);
    snprintf(fresh, sizeof fresh, "%s/sent.new", a->folder);
    int n = snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)a->sent_number,
                     (unsigned long long)a->sent_bytes);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (!good || rename(fresh, path) != 0)
        log_warn("audit", "%s: %s; after a restart lines may be sent twice", path, strerror(errno));
}

/* ---- the writer ---- */

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines;
}

static void lost(struct audit *a, const char *p, size_t n, const char *where, const char *why)
{
    uint64_t lines = count_lines(p, n);
    atomic_fetch_add(&a->dropped, lines);
    log_error("audit", "%llu lines are lost to %s: %s", (unsigned long long)lines, where, why);
}

/* Into the last segment. How many bytes of whole lines are there then; a half one is taken back. */
static size_t to_segment(struct audit *a, const char *p, size_t n)
{
    size_t put = audit_append(a->segment_fd, p, n);
    if (put == n)
        return n;
    int why = errno;
    const char *newline = memrchr(p, '\n', put);
    put = newline ? (size_t)(newline - p) + 1 : 0;
    if (ftruncate(a->segment_fd, (off_t)(a->segment_bytes + put)) != 0)
        log_error("audit", "half a line is left in the webhook's queue: %s", strerror(errno));
    errno = why;
    return put;
}

static void to_queue(struct audit *a, const char *p, size_t n)
{
    if (atomic_load(&a->queued) + n > a->queue_max) {
        lost(a, p, n, "the webhook", "its queue is full");
        return;
    }
    size_t put = a->segment_fd < 0 && !open_segment(a) ? 0 : to_segment(a, p, n);
    if (put < n)
        lost(a, p + put, n - put, "the webhook's queue", strerror(errno));
    if (put == 0)
        return;
    atomic_fetch_add(&a->queued, put);
    pthread_mutex_lock(&a->lock);
    a->segment_bytes += put;
    if (a->segment_bytes >= SEGMENT_BYTES) {
        close(a->segment_fd);
        a->segment_fd = -1;
        a->last++;
        a->segment_bytes = 0;
    }
    pthread_cond_signal(&a->more);
    pthread_mutex_unlock(&a->lock);
}

static void to_file(struct audit *a, const char *p, size_t n)
{
    size_t lost_from;
    if (!audit_file_write(a->file, p, n, n > AUDIT_BUFFER / 4, &lost_from))
        lost(a, p + lost_from, n - lost_from, "the file", strerror(errno));
}

/*
 * As memcpy, but past the caches: nobody reads these bytes but the disk, and what they would push out is what the next
 * requests need. Readers on other processors see them after an unlock.
 */
static void copy_out(char *to, const char *from, size_t n)
{
#ifdef __SSE2__
    size_t head = -(uintptr_t)to % sizeof(__m128i);
    if (n > head + sizeof(__m128i)) {
        memcpy(to, from, head);
        to += head;
        from += head;
        n -= head;
        for (; n >= sizeof(__m128i); n -= sizeof(__m128i), to += sizeof(__m128i), from += sizeof(__m128i))
            _mm_stream_si128((__m128i *)(void *)to, _mm_loadu_si128((const __m128i *)(const void *)from));
        _mm_sfence(); /* an unlock orders plain stores only */
    }
#endif
    memcpy(to, from, n);
}

/* Lines for the writer; with the lock held. False: there is no room, and nobody has said so yet. */
static bool fill_with(struct audit *a, const char *p, size_t n)
{
    if (n > AUDIT_BUFFER - a->n) {
        bool said = a->said_dropped;
        a->said_dropped = true;
        atomic_fetch_add(&a->dropped, count_lines(p, n));
        return said;
    }
    copy_out(a->fill + a->n, p, n);
    a->n += n;
    if (a->n >= AUDIT_WAKE_BYTES && a->n - n < AUDIT_WAKE_BYTES)
        pthread_cond_signal(&a->wake);
    return true;
}

static void say_dropped(void)
{
    log_error("audit", "lines are dropped: the disk does not keep up");
}

/* With the stripe's lock held. */
static void hand_over(struct audit *a, struct stripe *s)
{
    pthread_mutex_lock(&a->lock);
    bool quiet = fill_with(a, s->text, s->n);
    pthread_mutex_unlock(&a->lock);
    s->n = s->n_lines = 0;
    if (!quiet)
        say_dropped();
}

/* What loops have gathered since, in the order in which the requests ended. */
static void gather(struct audit *a)
{
    size_t at[STRIPES] = {0};
    bool quiet = true;
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_lock(&a->stripes[i].lock);
    pthread_mutex_lock(&a->lock);
    for (;;) {
        size_t first = STRIPES;
        for (size_t i = 0; i < STRIPES; i++)
            if (at[i] < a->stripes[i].n_lines &&
                (first == STRIPES || a->stripes[i].ends[at[i]].ns < a->stripes[first].ends[at[first]].ns))
                first = i;
        if (first == STRIPES)
            break;
        const struct stripe *s = &a->stripes[first];
        size_t from = at[first] ? s->ends[at[first] - 1].end : 0;
        quiet = fill_with(a, s->text + from, s->ends[at[first]++].end - from) && quiet;
    }
    pthread_mutex_unlock(&a->lock);
    for (size_t i = 0; i < STRIPES; i++) {
        a->stripes[i].n = a->stripes[i].n_lines = 0;
        pthread_mutex_unlock(&a->stripes[i].lock);
    }
    if (!quiet)
        say_dropped();
}

static bool has_lines(const struct audit *a, size_t began)
{
    return a->n > began || (a->file && audit_file_done(a->file) < began);
}

/*
 * Takes the buffer of which the first `began` bytes were carried from the one before, and gives the requests the other
 * one, which begins with what this one's write will leave over. Returns how much that is. With the lock held.
 */
static size_t exchange(struct audit *a, size_t *ret_n)
{
    char *p = a->fill;
    *ret_n = a->n;
    a->n = a->file ? audit_file_carry(a->file, *ret_n) : 0;
    a->fill = a->spare;
    a->spare = p;
    a->said_dropped = false;
    memcpy(a->fill, p + *ret_n - a->n, a->n);
    return a->n;
}

static void *write_lines(void *arg)
{
    struct audit *a = arg;
    size_t began = 0, carried = 0, n = 0;
    bool end = false;
    pthread_setname_np(pthread_self(), "audit");
    while (!end) {
        struct timespec until = clock_in_ms(AUDIT_FLUSH_MS);
        pthread_mutex_lock(&a->lock);
        while (!a->stopping && a->n < AUDIT_WAKE_BYTES && pthread_cond_timedwait(&a->wake, &a->lock, &until) == 0)
            ;
        end = a->stopping;
        pthread_mutex_unlock(&a->lock);
        gather(a);
        pthread_mutex_lock(&a->lock);
        bool some = has_lines(a, began);
        if (some)
            carried = exchange(a, &n);
        pthread_mutex_unlock(&a->lock);
        if (!some)
            continue;
        if (a->file)
            to_file(a, a->spare, n);
        if (*a->url && n > began)
            to_queue(a, a->spare + began, n - began);
        if (n > RELEASE_BYTES)
            madvise(a->spare + RELEASE_BYTES, AUDIT_BUFFER - RELEASE_BYTES, MADV_DONTNEED);
        began = carried;
        if (end && a->file && audit_file_done(a->file) < began)
            to_file(a, a->fill, began); /* what waited for the next piece; nobody adds to it any more */
    }
    return NULL;
}

/* ---- the sender ---- */

/* The end of the last whole line that fits: of at most `max_lines` lines. */
static size_t whole_lines(const char *p, size_t n, unsigned max_lines)
{
    size_t end = 0;
    for (unsigned i = 0; i < max_lines; i++) {
        const char *newline = memchr(p + end, '\n', n - end);
        if (!newline)
            break;
        end = (size_t)(newline - p) + 1;
    }
    return end;
}

static bool post(struct audit *a, const char *p, size_t n)
{
    struct arena *arena = arena_create(0);
    char error[256], bearer[1100];
    struct http_client_header headers[2] = {{"Content-Type", "application/json"}, {"Authorization", bearer}};
    struct http_client_request q = {.method = "POST",
                                    .url = a->url,
                                    .body = bytes_of(p, n),
                                    .headers = headers,
                                    .n_headers = *a->token ? 2 : 1,
                                    .timeout_ms = POST_MS,
                                    .ca_file = *a->ca_file ? a->ca_file : NULL};
    struct http_client_reply reply;
    snprintf(bearer, sizeof bearer, strchr(a->token, ' ') ? "%.1000s" : "Bearer %.1000s", a->token);
    bool answered = http_client_send(&q, arena, &reply, error);
    bool taken = answered && reply.status >= 200 && reply.status < 300;
    if (!taken && atomic_fetch_add(&a->failed, 1) % 64 == 0) { /* not every try of a long outage */
        if (answered)
            log_warn("audit", "the webhook answered %d; its lines wait", reply.status);
        else
            log_warn("audit", "%s; its lines wait", error);
    }
    arena_free(arena);
    return taken;
}

/* Waits until the sender's segment has more than was sent, or is an old one. False: it is over. */
static bool wait_for_more(struct audit *a)
{
    pthread_mutex_lock(&a->lock);
    while (!a->stopping && a->sent_number == a->last && a->sent_bytes >= a->segment_bytes)
        pthread_cond_wait(&a->more, &a->lock);
    bool go_on = !a->stopping;
    pthread_mutex_unlock(&a->lock);
    return go_on;
}

static void pause_sender(struct audit *a, int64_t ms)
{
    struct timespec until = clock_in_ms(ms);
    pthread_mutex_lock(&a->lock);
    while (!a->stopping && pthread_cond_timedwait(&a->more, &a->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&a->lock);
}

/* All of it was sent, and nothing more comes: on to the next one. */
static void segment_done(struct audit *a)
{
    char path[PATH_BYTES + 32];
    segment_path(a, a->sent_number, path);
    atomic_fetch_sub(&a->queued, size_of(path));
    a->sent_number++;
    a->sent_bytes = 0;
    write_position(a);
    unlink(path);
}

/* What lies behind the position. -1: the segment cannot be read, 0: nothing is there. */
static ssize_t read_piece(const struct audit *a, char *piece)
{
    char path[PATH_BYTES + 32];
    segment_path(a, a->sent_number, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    ssize_t n = pread(fd, piece, AUDIT_BATCH_MAX, (off_t)a->sent_bytes);
    close(fd);
    return n;
}

static void *send_lines(void *arg)
{
    struct audit *a = arg;
    char *piece = xmalloc(AUDIT_BATCH_MAX);
    int64_t wait = RETRY_MS;
    while (wait_for_more(a)) {
        ssize_t n = read_piece(a, piece);
        size_t whole = n > 0 ? whole_lines(piece, (size_t)n, a->batch_lines) : 0;
        pthread_mutex_lock(&a->lock);
        bool old = a->sent_number < a->last;
        pthread_mutex_unlock(&a->lock);
        if (whole == 0 && old) {
            segment_done(a); /* what is left of it is half a line of a crash */
        } else if (whole && post(a, piece, whole)) {
            atomic_fetch_add(&a->sent, count_lines(piece, whole));
            a->sent_bytes += whole;
            write_position(a);
            wait = RETRY_MS;
        } else {
            pause_sender(a, wait);
            wait = wait * 2 < RETRY_MAX_MS ? wait * 2 : RETRY_MAX_MS;
        }
    }
    free(piece);
    return NULL;
}

/* ---- life ---- */

void audit_request(struct audit *a, const struct req *r)
{
    if (!a)
        return;
    struct stripe *s = &a->stripes[r->conn->loop->number % STRIPES];
    pthread_mutex_lock(&s->lock);
    if (STRIPE_BYTES - s->n < AUDIT_LINE_MAX || s->n_lines == STRIPE_LINES)
        hand_over(a, s);
    s->n += audit_line(r, s->text + s->n, AUDIT_LINE_MAX);
    s->ends[s->n_lines++] = (struct line_end){r->ended_ns, s->n};
    counter_add(&s->lines, 1);
    pthread_mutex_unlock(&s->lock);
}

static bool open_queue(struct audit *a, const char *data_dir, char error[512])
{
    snprintf(a->folder, sizeof a->folder, "%s/audit", data_dir);
    if (mkdir(a->folder, 0700) != 0 && errno != EEXIST) {
        snprintf(error, 512, "%.400s: %s", a->folder, strerror(errno));
        return false;
    }
    if (!find_segments(a, error))
        return false;
    read_position(a);
    return true;
}

/* Huge pages: a write past the page cache pays by the page. What is not used of it takes no memory. */
static char *make_buffer(void)
{
    char *p = aligned_alloc(HUGE_PAGE, AUDIT_BUFFER);
    CHECK(p != NULL);
    madvise(p, AUDIT_BUFFER, MADV_HUGEPAGE);
    return p;
}

bool audit_open(const struct config *cfg, const char *data_dir, struct audit **ret, char error[512])
{
    *ret = NULL;
    if (!*cfg->audit_file && !*cfg->audit_webhook)
        return true;
    struct audit *a = aligned_alloc(alignof(struct audit), sizeof *a);
    CHECK(a != NULL);
    memset(a, 0, sizeof *a);
    *ret = a;
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_init(&a->stripes[i].lock, NULL);
    pthread_mutex_init(&a->lock, NULL);
    clock_cond_init(&a->wake);
    clock_cond_init(&a->more);
    a->fill = make_buffer();
    a->spare = make_buffer();
    a->segment_fd = -1;
    a->url = cfg->audit_webhook;
    a->token = cfg->audit_webhook_token;
    a->ca_file = cfg->audit_webhook_ca;
    a->batch_lines = (unsigned)cfg->audit_webhook_batch;
    a->queue_max = cfg->audit_queue_mib << 20;
    if (*cfg->audit_file && !(a->file = audit_file_open(cfg->audit_file, cfg->audit_file_max_mib << 20,
                                                        (unsigned)cfg->audit_file_keep, error)))
        return false;
    if (*a->url && !open_queue(a, data_dir, error))
        return false;
    a->has_writer = pthread_create(&a->writer, NULL, write_lines, a) == 0;
    a->has_sender = *a->url && pthread_create(&a->sender, NULL, send_lines, a) == 0;
    if (!a->has_writer || (*a->url && !a->has_sender)) {
        snprintf(error, 512, "the system has no thread for the audit log");
        return false;
    }
    return true;
}

void audit_close(struct audit **pa)
{
    struct audit *a = *pa;
    *pa = NULL;
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_cond_broadcast(&a->wake);
    pthread_cond_broadcast(&a->more);
    pthread_mutex_unlock(&a->lock);
    if (a->has_writer)
        pthread_join(a->writer, NULL);
    if (a->has_sender)
        pthread_join(a->sender, NULL);
    audit_file_close(&a->file);
    if (a->segment_fd >= 0)
        close(a->segment_fd);
    pthread_cond_destroy(&a->wake);
    pthread_cond_destroy(&a->more);
    pthread_mutex_destroy(&a->lock);
    for (size_t i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&a->stripes[i].lock);
    free(a->fill);
    free(a->spare);
    free(a);
}

void audit_stats_get(const struct audit *a, struct audit_stats *ret)
{
    *ret = (struct audit_stats){0};
    if (!a)
        return;
    for (size_t i = 0; i < STRIPES; i++)
        ret->lines += atomic_load(&a->stripes[i].lines);
    ret->dropped = atomic_load(&a->dropped);
    ret->sent = atomic_load(&a->sent);
    ret->failed = atomic_load(&a->failed);
    ret->queued_bytes = atomic_load(&a->queued);
}
