/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event. Text: `2026-01-31T12:00:00.000Z INFO event message`; JSON: one object. Lines go into the ring
 * that the writer empties, or, while there is no writer, out by one write(2) each. Threads: any; format and level are
 * atomic.
 */
#include "base/log.h"
#include "base/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/base/log_ring.h"

#define LINE_MAX_BYTES   (64 * 1024) /* what is longer is cut */
#define LINE_USUAL_BYTES 1024

/* They may be set again while others log. */
static _Atomic enum log_format current_format = LOG_TEXT;
static _Atomic enum log_level current_level = LOG_INFO;
static log_listener_f *_Atomic listeners[LOG_LISTENERS];

void log_setup(enum log_format format, enum log_level level)
{
    current_format = format;
    current_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= current_level;
}

enum log_format log_current_format(void)
{
    return current_format;
}

static size_t plain_run(struct bytes s, size_t from)
{
    size_t i = from;
    while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\')
        i++;
    return i - from;
}

void log_listen(log_listener_f *f)
{
    for (size_t i = 0; i < LOG_LISTENERS; i++) {
        log_listener_f *was = NULL;
        if (atomic_load(&listeners[i]) == f || atomic_compare_exchange_strong(&listeners[i], &was, f))
            return;
    }
    CHECK(false);
}

void log_json_escape(struct buf *out, struct bytes s)
{
    for (size_t i = 0; i < s.n;) {
        size_t run = plain_run(s, i);
        buf_put(out, s.p + i, run);
        i += run;
        if (i == s.n)
            break;
        unsigned char c = (unsigned char)s.p[i];
        size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x80)
            buf_printf(out, "\\u%04x", c);
        else if (len <= s.n - i && utf8_valid(bytes_cut(s, i, len)))
            buf_put(out, s.p + i, len);
        else {
            buf_put_str(out, "\\ufffd");
            len = 1;
        }
        i += len;
    }
}

static void put_time(struct buf *b)
{
    static _Thread_local time_t formatted = -1;
    static _Thread_local char text[32];
    int64_t now = clock_wall_ms();
    time_t seconds = (time_t)(now / 1000);
    if (seconds != formatted) {
        struct tm tm;
        gmtime_r(&seconds, &tm);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        formatted = seconds;
    }
    int ms = (int)(now % 1000);
    char fraction[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z'};
    buf_put_str(b, text);
    buf_put(b, fraction, sizeof fraction);
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};
    return names[level];
}

static void make_line(struct buf *b, enum log_level level, const char *event, struct bytes text, struct bytes fields)
{
    buf_reserve(b, LINE_USUAL_BYTES); /* not in steps */
    if (current_format == LOG_JSON) {
        buf_put_str(b, "{\"time\":\"");
        put_time(b);
        buf_put_str(b, "\",\"level\":\"");
        buf_put_str(b, level_name(level));
        buf_put_str(b, "\",\"event\":\"");
        buf_put_str(b, event);
        buf_put_str(b, fields.n ? "\"," : "\"");
        buf_put_bytes(b, fields);
        buf_put_char(b, '}');
    } else {
        put_time(b);
        buf_put_char(b, ' ');
        buf_put_str(b, level_name(level));
        buf_put_char(b, ' ');
        buf_put_str(b, event);
        buf_put_char(b, ' ');
        buf_put_bytes(b, text);
    }
    b->failed = false; /* a line that was too long is cut */
    if (b->n == b->max)
        b->n--;
    buf_put_char(b, '\n');
}

static void send_line(enum log_level level, const char *event, struct bytes text, struct bytes fields, bool may_drop)
{
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    make_line(&b, level, event, text, fields);
    if (!log_ring_put(buf_bytes(&b), may_drop)) {
        ssize_t n = write(STDERR_FILENO, b.p, b.n);
        (void)n; /* there is nowhere to tell that the log is gone */
    }
    buf_fini(&b);
}

void log_record(enum log_level level, const char *event, struct bytes text, struct bytes json_fields)
{
    if (log_enabled(level))
        send_line(level, event, text, json_fields, true);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) /* a key or path may hold anything; a line stays one line */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    struct bytes message = bytes_of(text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    struct buf json;
    buf_init(&json, LINE_MAX_BYTES / 2);
    if (current_format == LOG_JSON) {
        buf_put_str(&json, "\"message\":\"");
        log_json_escape(&json, message);
        buf_put_char(&json, '"');
    }
    send_line(level, event, message, buf_bytes(&json), level == LOG_DEBUG);
    buf_fini(&json);
    for (size_t i = 0; i < LOG_LISTENERS; i++) {
        log_listener_f *listens = atomic_load(&listeners[i]);
        if (listens)
            listens(level, event, message);
    }
}

void check_failed(const char *what, const char *file, int line)
{
    log_line(LOG_ERROR, "check", "%s:%d: this must be true: %s", file, line, what);
    log_ring_flush();
    abort();
}

static void make_notice(struct buf *out, uint64_t dropped)
{
    char text[128], json[160];
    snprintf(text, sizeof text, "%llu lines dropped: standard error took no more", (unsigned long long)dropped);
    snprintf(json, sizeof json, "\"dropped\":%llu,\"message\":\"%s\"", (unsigned long long)dropped, text);
    make_line(out, LOG_WARN, "log", bytes_str(text), bytes_str(json));
}

bool log_writer_start(void)
{
    return log_ring_start(make_notice);
}

void log_writer_stop(void)
{
    log_ring_stop();
}
