/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run says. Idea: problems as they come, one line each, on standard error; the progress there too, as a line
 * that is written over on a terminal and as a plain line every ten seconds elsewhere; the account at the end on
 * standard output. With --json everything that is said on standard output is one JSON object a line.
 * Threads: report() by any; the rest by the first.
 */
#include "admin/transfer/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/commands.h"
#include "base/clock.h"

#define NAMED_MAX      10000 /* problems that are named one by one */
#define PLAIN_EVERY_MS 10000
#define DRAW_EVERY_MS  250

static pthread_mutex_t say_lock = PTHREAD_MUTEX_INITIALIZER;
static bool bar_shown;
static uint64_t named;

static const char *const words[] = {
    [PROBLEM_FAILED] = "failed",   [PROBLEM_DIFFERS] = "differs", [PROBLEM_EXTRA] = "extra",
    [PROBLEM_SKIPPED] = "skipped", [PROBLEM_NOTE] = "note",       [PROBLEM_WOULD] = "would-copy",
};

/* Takes it. */
static void put_line(json_t *j)
{
    char *line = json_dumps(j, JSON_COMPACT);
    if (line)
        puts(line);
    free(line);
    json_decref(j);
}

static void say_json(const char *what, struct bytes key, const char *text, const char *bucket)
{
    json_t *j = json_pack("{s:s, s:s}", "type", what, "text", text);
    if (key.n && utf8_valid(key))
        json_object_set_new(j, "key", json_stringn(key.p, key.n));
    else if (key.n) {
        char *hex = xmalloc(key.n * 2);
        hex_encode(key.p, key.n, hex);
        json_object_set_new(j, "key_hex", json_stringn(hex, key.n * 2));
        free(hex);
    }
    if (bucket)
        json_object_set_new(j, "bucket", json_string(bucket));
    put_line(j);
}

static void say_text(const struct transfer *t, const char *what, struct bytes key, const char *text)
{
    char name[256];
    FILE *to = strcmp(what, words[PROBLEM_WOULD]) == 0 ? stdout : stderr;
    if (bar_shown)
        fputs("\r\033[K", stderr);
    bar_shown = false;
    if (named++ == NAMED_MAX && to == stderr)
        fputs("pail: more problems are only counted; --json names them all\n", stderr);
    if (named <= NAMED_MAX || to == stdout)
        fprintf(to, "%s: %s%s%s%s%s\n", what, t->o->all_buckets && t->from_bucket ? t->from_bucket : "",
                t->o->all_buckets && t->from_bucket && key.n ? "/" : "", key.n ? key_text(key, name) : "",
                key.n || (t->o->all_buckets && t->from_bucket) ? ": " : "", text);
}

void report(struct transfer *t, enum problem p, struct bytes key, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) /* servers' texts do not steer the terminal */
            *c = '?';
    _Atomic uint64_t *counters[] = {[PROBLEM_FAILED] = &t->counts.failed,
                                    [PROBLEM_DIFFERS] = &t->counts.differs,
                                    [PROBLEM_EXTRA] = &t->counts.extra,
                                    [PROBLEM_SKIPPED] = &t->counts.skipped};
    if (p < PROBLEM_NOTE)
        (*counters[p])++;
    pthread_mutex_lock(&say_lock);
    if (t->o->json)
        say_json(words[p], key, text, t->from_bucket);
    else
        say_text(t, words[p], key, text);
    pthread_mutex_unlock(&say_lock);
}

/* ---- the progress ---- */

static void left_text(char out[48], const struct transfer *t, int64_t ms, uint64_t done, uint64_t bytes)
{
    uint64_t objects = t->counts.planned, all = t->counts.planned_bytes;
    double part = objects ? (double)done / (double)objects : 0, part_bytes = all ? (double)bytes / (double)all : part;
    double share = part < part_bytes ? part : part_bytes; /* whatever is slower */
    if (!t->listed_all || share <= 0 || share > 1) {
        snprintf(out, 48, "%s", t->listed_all ? "" : ", listing");
        return;
    }
    uint64_t left = (uint64_t)((double)ms / 1000 * (1 - share) / share);
    snprintf(out, 48, ", %" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " left", left / 3600, left / 60 % 60, left % 60);
}

void report_progress(struct transfer *t, bool last)
{
    static int64_t said_ms;
    static int terminal = -1;
    char size[32], rate[32], left[48], line[256], bar[21];
    int64_t now = clock_mono_ms();
    if (terminal < 0) {
        terminal = isatty(STDERR_FILENO) == 1;
        said_ms = now;
    }
    if (last || now - said_ms < (terminal ? DRAW_EVERY_MS : PLAIN_EVERY_MS)) {
        if (last) {
            pthread_mutex_lock(&say_lock);
            if (bar_shown)
                fputs("\r\033[K", stderr);
            bar_shown = false;
            pthread_mutex_unlock(&say_lock);
        }
        return;
    }
    said_ms = now;
    uint64_t done = t->counts.copied + t->counts.markers, bytes = t->counts.bytes, all = t->counts.planned;
    int64_t ms = now - t->began_ms + 1;
    left_text(left, t, ms, done, bytes);
    size_t full = all ? (size_t)((double)done / (double)all * 20) : 0;
    memset(bar, '.', 20);
    memset(bar, '#', full > 20 ? 20 : full);
    bar[20] = '\0';
    snprintf(line, sizeof line, "[%s] %" PRIu64 " of %" PRIu64 "%s, %s, %" PRIu64 "/s, %s/s, %" PRIu64 " failed%s", bar,
             done, all, t->listed_all ? "" : "+", size_text(bytes, size), done * 1000 / (uint64_t)ms,
             size_text(bytes * 1000 / (uint64_t)ms, rate), (uint64_t)t->counts.failed, left);
    pthread_mutex_lock(&say_lock);
    fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", line);
    fflush(stderr);
    bar_shown = terminal;
    pthread_mutex_unlock(&say_lock);
}

/* ---- the end ---- */

static void end_json(const struct transfer *t, double seconds, bool good)
{
    const struct transfer_counts *c = &t->counts;
    json_t *j = json_object();
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"listed", c->listed},
                {"copied", c->copied},
                {"delete_markers", c->markers},
                {"bytes", c->bytes},
                {"same", c->same},
                {"planned", c->planned},
                {"gone", c->gone},
                {"failed", c->failed},
                {"differs", c->differs},
                {"extra", c->extra},
                {"skipped", c->skipped},
                {"retried", c->retried},
                {"requests", c->requests},
                {"reused_parts", c->reused_parts}};
    json_object_set_new(j, "type", json_string("report"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        json_object_set_new(j, rows[i].name, json_integer((json_int_t)rows[i].value));
    json_object_set_new(j, "seconds", json_real(seconds));
    json_object_set_new(j, "interrupted", json_boolean(t->stop));
    json_object_set_new(j, "complete", json_boolean(good));
    put_line(j);
}

static void end_text(const struct transfer *t, double seconds)
{
    const struct transfer_counts *c = &t->counts;
    char size[32], rate[32];
    if (t->o->compare || t->o->dry_run) {
        printf("%" PRIu64 " keys looked at: %" PRIu64 " same, %" PRIu64 " %s, %" PRIu64 " extra at the destination\n",
               (uint64_t)c->listed, (uint64_t)c->same, t->o->compare ? (uint64_t)c->differs : (uint64_t)c->planned,
               t->o->compare ? "missing or different" : "to write", (uint64_t)c->extra);
    } else {
        printf("%" PRIu64 " written (%s)", (uint64_t)c->copied, size_text(c->bytes, size));
        if (c->markers)
            printf(", %" PRIu64 " delete markers", (uint64_t)c->markers);
        printf(", %" PRIu64 " were there already, in %.1f s (%.0f/s, %s/s)\n", (uint64_t)c->same, seconds,
               (double)(c->copied + c->markers) / seconds, size_text((uint64_t)((double)c->bytes / seconds), rate));
    }
    if (c->retried || c->gone)
        printf("%" PRIu64 " requests were tried again, %" PRIu64 " objects went from the source meanwhile\n",
               (uint64_t)c->retried, (uint64_t)c->gone);
    if (c->skipped || c->failed)
        printf("%" PRIu64 " failed, %" PRIu64 " were left out\n", (uint64_t)c->failed, (uint64_t)c->skipped);
    if (t->stop)
        puts("It was interrupted; the same command goes on from here.");
    else if (c->failed || t->broken)
        puts("It is not complete; the same command tries again what is missing.");
}

int report_end(struct transfer *t)
{
    const struct transfer_counts *c = &t->counts;
    double seconds = (double)(clock_mono_ms() - t->began_ms + 1) / 1000;
    bool good = !t->stop && !t->broken && !c->failed && !c->differs && !c->skipped && !(t->o->compare && c->extra);
    report_progress(t, true);
    if (t->o->json)
        end_json(t, seconds, good);
    else
        end_text(t, seconds);
    return fflush(stdout) == 0 && good ? 0 : 1;
}
