/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging with and without the writer: order, dropping and its notice, flushing, forks and aborts. Standard error is a
 * pipe of the test's own meanwhile.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "storage/base/log_ring.h"

#define LINE_BYTES 1000
#define RING_LINES 1024 /* more of these lines than the ring holds for requests */

static int reader = -1, old_stderr = -1;

static void redirect(void)
{
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    old_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
    log_setup(LOG_TEXT, LOG_INFO);
}

static void restore(void)
{
    log_writer_stop();
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(reader);
}

TestSuite(log, .init = redirect, .fini = restore);

/* Everything up to the end of standard error: after restore's dup2 nobody writes any more. */
static struct buf collected;

static void *collect(void *arg)
{
    char piece[4096];
    ssize_t n;
    (void)arg;
    buf_init(&collected, 64 << 20);
    while ((n = read(reader, piece, sizeof piece)) > 0)
        buf_put(&collected, piece, (size_t)n);
    buf_put_char(&collected, '\0');
    return NULL;
}

static void end_of_log(void)
{
    log_writer_stop();
    dup2(old_stderr, STDERR_FILENO);
}

static void put_requests(unsigned from, unsigned n)
{
    char text[LINE_BYTES];
    memset(text, 'x', sizeof text);
    for (unsigned i = from; i < from + n; i++) {
        snprintf(text, sizeof text, "request %u ", i);
        text[strlen(text)] = 'x';
        log_record(LOG_INFO, "access", bytes_of(text, sizeof text), BYTES_NONE);
    }
}

static unsigned count_of(const char *word)
{
    unsigned n = 0;
    for (const char *p = collected.p; (p = strstr(p, word)); p++)
        n++;
    return n;
}

Test(log, without_a_writer_lines_go_out_at_once)
{
    char text[256] = {0};
    log_info("word", "line %d\nof %s", 1, "two");
    ssize_t n = read(reader, text, sizeof text - 1);
    cr_assert(n > 0 && text[n - 1] == '\n');
    cr_assert(strstr(text, " INFO word line 1?of two\n"), "%s", text);
}

Test(log, the_writer_keeps_the_order)
{
    pthread_t thread;
    pthread_create(&thread, NULL, collect, NULL);
    cr_assert(log_writer_start());
    for (unsigned i = 0; i < 2000; i++) {
        log_record(LOG_INFO, "access", BYTES_LIT("request"), BYTES_NONE);
        log_info("n", "%u.", i);
        if (i % 200 == 0)
            usleep(1000);
    }
    end_of_log();
    pthread_join(thread, NULL);
    cr_assert_eq(count_of("request\n"), 2000);
    const char *at = collected.p;
    for (unsigned i = 0; i < 2000; i++) {
        char word[32];
        snprintf(word, sizeof word, " n %u.\n", i);
        at = strstr(at, word);
        cr_assert(at, "line %u is missing or late", i);
    }
    buf_fini(&collected);
}

Test(log, a_lone_line_comes_soon)
{
    char text[256];
    cr_assert(log_writer_start());
    usleep(20 * 1000);
    int64_t start = clock_mono_ms();
    log_record(LOG_INFO, "access", BYTES_LIT("alone"), BYTES_NONE);
    cr_assert(read(reader, text, sizeof text) > 0);
    cr_assert(clock_mono_ms() - start < 5000);
}

Test(log, nobody_reads_requests_are_dropped_and_counted_errors_are_not)
{
    pthread_t thread;
    cr_assert(log_writer_start());
    int64_t start = clock_mono_ms();
    put_requests(0, 2 * RING_LINES);
    for (int i = 0; i < 100; i++)
        log_error("trouble", "number %d", i);
    cr_assert(clock_mono_ms() - start < 10000, "logging waited for the reader");
    pthread_create(&thread, NULL, collect, NULL);
    for (int i = 0; i < 10; i++)
        log_ring_flush(); /* gives up after a while */
    put_requests(100000, 1);
    end_of_log();
    pthread_join(thread, NULL);
    unsigned kept = count_of(" access request "), dropped = 0;
    cr_assert_eq(count_of(" lines dropped: "), 1);
    cr_assert(strstr(collected.p, " WARN log "));
    const char *notice = strstr(collected.p, " WARN log ");
    cr_assert_eq(sscanf(notice, " WARN log %u lines dropped", &dropped), 1);
    cr_assert_eq(kept + dropped, 2 * RING_LINES + 1, "%u kept, %u dropped", kept, dropped);
    cr_assert_gt(kept, 600);
    cr_assert_eq(count_of(" ERROR trouble "), 100);
    cr_assert(strstr(notice, "request 100000 "), "what comes later stands after the notice");
    buf_fini(&collected);
}

Test(log, the_ring_is_bounded_for_errors_too)
{
    cr_assert(log_writer_start());
    int64_t start = clock_mono_ms();
    for (int i = 0; i < 40000; i++)
        log_error("trouble", "number %d, and some more words to fill the ring", i);
    cr_assert(clock_mono_ms() - start < 10000);
}

Test(log, stopping_does_not_wait_for_ever)
{
    cr_assert(log_writer_start());
    put_requests(0, 2 * RING_LINES);
    int64_t start = clock_mono_ms();
    log_writer_stop();
    cr_assert(clock_mono_ms() - start < 10000);
    fcntl(STDERR_FILENO, F_SETFL, fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
    log_info("late", "goes out directly again, or nowhere");
}

Test(log, a_line_longer_than_a_pipe_takes_at_once_stays_whole)
{
    pthread_t thread;
    char *text = malloc(100000);
    memset(text, 'y', 100000);
    pthread_create(&thread, NULL, collect, NULL);
    cr_assert(log_writer_start());
    log_record(LOG_INFO, "access", bytes_of(text, 30000), BYTES_NONE);
    log_info("next", "line");
    log_record(LOG_INFO, "access", bytes_of(text, 100000), BYTES_NONE);
    log_info("last", "line");
    end_of_log();
    pthread_join(thread, NULL);
    const char *run = strchr(collected.p, 'y');
    cr_assert_eq(strspn(run, "y"), 30000);
    cr_assert_eq(run[30000], '\n');
    cr_assert(strstr(run, " INFO next line\n"));
    cr_assert(strstr(run, " INFO last line\n"), "and one that is cut ends its line");
    buf_fini(&collected);
    free(text);
}

Test(log, the_reader_is_gone)
{
    signal(SIGPIPE, SIG_IGN);
    cr_assert(log_writer_start());
    int other = reader;
    reader = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(other);
    for (int i = 0; i < 50; i++) {
        log_error("trouble", "number %d", i);
        usleep(1000);
    }
    log_writer_stop();
}

Test(log, a_child_after_fork_logs_for_itself)
{
    cr_assert(log_writer_start());
    put_requests(0, 2 * RING_LINES); /* the writer waits, the ring is full */
    int ends[2];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        log_error("child", "speaks");
        log_writer_stop();
        _exit(0);
    }
    close(ends[1]);
    char text[8192] = {0};
    ssize_t n = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
    cr_assert(n > 0 && strstr(text, " ERROR child speaks\n") && !strstr(text, "request"), "%s", text);
}

Test(log, what_must_be_true_is_said_before_the_abort)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        log_writer_start();
        put_requests(0, 3);
        check_failed("one is two", "file.c", 7);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char text[16384] = {0};
    size_t have = 0;
    ssize_t n;
    fcntl(reader, F_SETFL, O_NONBLOCK);
    while (have < sizeof text - 1 && (n = read(reader, text + have, sizeof text - 1 - have)) > 0)
        have += (size_t)n;
    cr_assert(strstr(text, "request 2 "));
    cr_assert(strstr(text, " ERROR check file.c:7: this must be true: one is two\n"), "%s", text);
}

static void *log_some(void *arg)
{
    (void)arg;
    put_requests(0, 500);
    log_warn("thread", "done");
    return NULL;
}

Test(log, many_threads)
{
    pthread_t reading, threads[4];
    pthread_create(&reading, NULL, collect, NULL);
    cr_assert(log_writer_start());
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, log_some, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    end_of_log();
    pthread_join(reading, NULL);
    unsigned kept = count_of(" access request "), dropped = 0, more;
    for (const char *p = collected.p; (p = strstr(p, " WARN log ")); p++)
        if (sscanf(p, " WARN log %u lines", &more) == 1)
            dropped += more;
    cr_assert_eq(kept + dropped, 2000);
    cr_assert_eq(count_of(" WARN thread done\n"), 4);
    buf_fini(&collected);
}
