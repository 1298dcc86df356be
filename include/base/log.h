/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging: one line per event on standard error, as text or JSON. Library code below server/ does not log what it
 * returns as an error; background work, which has no caller, does.
 *
 * At first, and in programs that never call log_writer_start, a line is written by the thread that logs it. After
 * log_writer_start a thread of its own writes: whoever logs puts the line into a ring of bounded size and never waits
 * for the reader of standard error. When that reader falls behind, lines of single requests (log_record) are dropped
 * and counted, and a line says how many as soon as there is room; other lines have room of their own in the ring.
 * Threads: any; lines of up to PIPE_BUF bytes are never torn. Never pass secrets.
 */
#ifndef PAIL_BASE_LOG_H
#define PAIL_BASE_LOG_H

#include <stdbool.h>
#include "base/bytes.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

void log_setup(enum log_format format, enum log_level level);
bool log_enabled(enum log_level level);
/* `event` is a short fixed word ("start", "gc"); the rest is printf. */
void log_line(enum log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define log_error(event, ...) log_line(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_line(LOG_DEBUG, event, __VA_ARGS__)
/*
 * Text or JSON fields built by the caller: in JSON format `json_fields` (`"a":1,"b":"x"`), in text format `text`. For
 * lines that come with every request: the first to be dropped.
 */
void log_record(enum log_level level, const char *event, struct bytes text, struct bytes json_fields);
enum log_format log_current_format(void);
/* Appends `s` as the inside of a JSON string, escaped; bytes that are no UTF-8 become U+FFFD. */
void log_json_escape(struct buf *out, struct bytes s);
/*
 * Who wants to see each line of log_line, too (not those of log_record): called by the thread that logs, so it is
 * quick, waits for nothing but its own short lock and logs nothing. A few, each for as long as the process lives;
 * `text` has no control characters.
 */
#define LOG_LISTENERS 4
typedef void log_listener_f(enum log_level level, const char *event, struct bytes text);
void log_listen(log_listener_f *);

/* From now on a thread writes. False: there is none to be had, and nothing has changed. One thread, at start. */
bool log_writer_start(void);
/*
 * Writes what the ring still holds, waiting a bounded time for a reader that does not read, and ends the thread; lines
 * are written directly again. Without a writer it does nothing. One thread, at exit.
 */
void log_writer_stop(void);

#endif
