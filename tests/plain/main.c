/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs Criterion's tests without Criterion's runner: for ThreadSanitizer, whose layout of memory leaves no room for the
 * arena that the runner shares with its children, and for valgrind and debuggers, which dislike its many processes.
 *
 *     unit [--filter=PATTERN] [--list] [--here]      PATTERN as a shell's, over suite/test; --here: do not fork
 *
 * The tests are found where their macros put them, in the section cr_tst. What a test calls in libcriterion to tell how
 * it fares is defined here instead, so the library only formats messages. One child a test, one after another; the
 * child ends with 0, FAILED or SKIPPED. Prints TAP.
 *
 * Only Test() and TestSuite() are known, with .init, .fini, .signal, .exit_code, .timeout and .disabled.
 */
#include <criterion/criterion.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILED          101 /* exit codes of a child that no test uses itself */
#define SKIPPED         102
#define DEFAULT_SECONDS 300 /* for a test that names no timeout: instrumented code is slow */

/* The linker's names for the ends of the two sections. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak)), *__stop_cr_sts[] __attribute__((weak));

static const struct criterion_test *current;
static bool failed;

static const struct criterion_test_extra_data *suite_of(const struct criterion_test *test)
{
    for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++) {
        if (*s && strcmp((*s)->name, test->category) == 0)
            return (*s)->data;
    }
    return NULL;
}

/* --- what tests call --- */

void criterion_send_assert(struct criterion_assert_stats *stats)
{
    if (!stats->passed) {
        printf("#   %s:%u: %s\n", stats->file, (unsigned)stats->line, stats->message ? stats->message : "");
        failed = true;
    }
}

void criterion_abort_test(void)
{
    fflush(NULL);
    _exit(FAILED);
}

void criterion_skip_test(const char *format, ...)
{
    (void)format;
    fflush(NULL);
    _exit(SKIPPED);
}

void criterion_internal_test_setup(void)
{
    const struct criterion_test_extra_data *suite = suite_of(current);
    if (suite && suite->init)
        suite->init();
    if (current->data->init)
        current->data->init();
}

void criterion_internal_test_main(void (*fn)(void))
{
    fn();
}

void criterion_internal_test_teardown(void)
{
    const struct criterion_test_extra_data *suite = suite_of(current);
    if (current->data->fini)
        current->data->fini();
    if (suite && suite->fini)
        suite->fini();
}

/* --- the runner --- */

static void run_child(void)
{
    current->test();
    fflush(NULL);
    /* exit() and not _exit(): sanitizers report what they gathered on the way out. */
    exit(failed ? FAILED : 0);
}

static bool as_expected(int status)
{
    if (current->data->signal)
        return WIFSIGNALED(status) && WTERMSIG(status) == current->data->signal;
    return WIFEXITED(status) && WEXITSTATUS(status) == current->data->exit_code;
}

static bool run_one(bool here)
{
    int status = 0;
    if (current->data->disabled) {
        printf("ok - %s::%s # SKIP disabled\n", current->category, current->name);
        return true;
    }
    fflush(NULL);
    if (here) {
        current->test();
        status = failed ? FAILED << 8 : 0;
        failed = false;
    } else {
        pid_t child = fork();
        if (child == 0) {
            alarm(current->data->timeout > 0 ? (unsigned)current->data->timeout * 10 : DEFAULT_SECONDS);
            run_child();
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        printf("ok - %s::%s # SKIP the test says so\n", current->category, current->name);
        return true;
    }
    bool good = as_expected(status);
    printf("%s - %s::%s\n", good ? "ok" : "not ok", current->category, current->name);
    if (!good && WIFSIGNALED(status))
        printf("#   signal %d\n", WTERMSIG(status));
    else if (!good)
        printf("#   exit code %d\n", WEXITSTATUS(status));
    return good;
}

int main(int argc, char **argv)
{
    const char *filter = "*";
    bool here = false, list = false, good = true;
    char name[512];
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--filter=", 9) == 0)
            filter = argv[i] + 9;
        else if (strcmp(argv[i], "--here") == 0)
            here = true;
        else if (strcmp(argv[i], "--list") == 0)
            list = true;
    }
    for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
        if (!*t)
            continue;
        current = *t;
        snprintf(name, sizeof(name), "%s/%s", current->category, current->name);
        if (fnmatch(filter, name, 0) != 0)
            continue;
        if (list)
            puts(name);
        else
            good = run_one(here) && good;
    }
    return good ? 0 : 1;
}
