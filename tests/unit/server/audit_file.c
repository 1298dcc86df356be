/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the audit log: pieces of every size, rotation, others that write to it, a full disk. */
#include "server/audit_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"

#define BUFFER (1u << 20)
#define KEEP   100

/* A writer as audit.c's: lines go into a buffer, and it is handed over with what is carried. */
static struct audit_file *file;
static char *fill, *spare, path[128], folder[] = "/tmp/pail-audit-XXXXXX";
static size_t filled;
static uint64_t next_line;
static unsigned seed = 1;

static unsigned any(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 8) % below;
}

static void begin(uint64_t max_bytes)
{
    char error[512];
    cr_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/audit", folder);
    fill = aligned_alloc(AUDIT_FILE_BLOCK, BUFFER);
    spare = aligned_alloc(AUDIT_FILE_BLOCK, BUFFER);
    file = audit_file_open(path, max_bytes, KEEP, error);
    cr_assert(file && fill && spare);
}

/* Numbered lines of some length, until the buffer has about n bytes. */
static void add_lines(size_t n)
{
    while (filled < n && filled + 2048 < BUFFER) {
        int head = snprintf(fill + filled, 32, "%llu ", (unsigned long long)next_line++);
        size_t more = any(1000);
        memset(fill + filled + head, 'x', more);
        filled += (size_t)head + more;
        fill[filled++] = '\n';
    }
}

static void write_out(bool hurry)
{
    size_t n = filled, lost_from, carry = audit_file_carry(file, n);
    cr_assert(carry <= n && carry < AUDIT_FILE_BLOCK);
    char *p = fill;
    fill = spare;
    spare = p;
    memcpy(fill, p + n - carry, carry);
    filled = carry;
    cr_assert(audit_file_write(file, p, n, hurry, &lost_from));
    cr_assert(audit_file_done(file) == 0 || audit_file_done(file) == carry);
}

/* As at an idle moment or at the end: nothing waits. */
static void write_all(void)
{
    while (filled > audit_file_done(file))
        write_out(false);
}

/* Lines of one file, oldest first: numbers go on. */
static void check_lines(const char *name, uint64_t *expected)
{
    static char line[4096];
    FILE *f = fopen(name, "r");
    cr_assert(f != NULL, "%s", name);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#')
            continue;
        uint64_t number = strtoull(line, NULL, 10);
        cr_assert(number == *expected, "%s: line %llu where %llu should be", name, (unsigned long long)number,
                  (unsigned long long)*expected);
        cr_assert(strspn(strchr(line, ' ') + 1, "x") == strlen(strchr(line, ' ') + 1) - 1, "%s: %.100s", name, line);
        *expected += 1;
    }
    fclose(f);
}

static void check_all(uint64_t from)
{
    char name[160];
    for (int i = KEEP; i >= 1; i--) {
        snprintf(name, sizeof name, "%s.%d", path, i);
        if (access(name, F_OK) == 0) {
            check_lines(name, &from);
            unlink(name);
        }
    }
    check_lines(path, &from);
    cr_assert(from == next_line, "%llu of %llu", (unsigned long long)from, (unsigned long long)next_line);
}

static void end(void)
{
    audit_file_close(&file);
    unlink(path);
    rmdir(folder);
    free(fill);
    free(spare);
}

Test(audit_file, pieces_of_every_size_come_whole_and_in_order)
{
    begin(UINT64_MAX);
    for (int i = 0; i < 300; i++) {
        add_lines(any(4) ? any(20000) : AUDIT_FILE_DIRECT + any(AUDIT_FILE_DIRECT));
        if (filled > audit_file_done(file))
            write_out(any(10) == 0);
    }
    write_all();
    check_all(0);
    end();
}

Test(audit_file, rotation_cuts_no_line)
{
    begin(700000);
    for (int i = 0; i < 200; i++) {
        add_lines(any(3) ? any(20000) : AUDIT_FILE_DIRECT + any(AUDIT_FILE_DIRECT));
        if (filled > audit_file_done(file))
            write_out(false);
    }
    write_all();
    check_all(0);
    end();
}

Test(audit_file, a_file_that_is_there_is_gone_on_with)
{
    begin(UINT64_MAX);
    add_lines(1000);
    write_all();
    audit_file_close(&file);
    char error[512];
    file = audit_file_open(path, UINT64_MAX, KEEP, error);
    filled = 0;
    for (int i = 0; i < 20; i++) {
        add_lines(2 * AUDIT_FILE_DIRECT);
        write_out(false);
    }
    write_all();
    check_all(0);
    end();
}

Test(audit_file, lines_that_others_append_stay)
{
    begin(UINT64_MAX);
    int other = open(path, O_WRONLY | O_APPEND);
    for (int i = 0; i < 100; i++) {
        add_lines(any(2) ? 5000 : 2 * AUDIT_FILE_DIRECT);
        write_out(false);
        if (any(3) == 0) {
            write_all();
            cr_assert(write(other, "# theirs\n", 9) == 9);
        }
    }
    close(other);
    write_all();
    check_all(0);
    end();
}

Test(audit_file, a_file_that_was_cut_goes_on_without_a_hole)
{
    struct stat st;
    begin(UINT64_MAX);
    for (int i = 0; i < 3; i++) {
        add_lines(2 * AUDIT_FILE_DIRECT);
        write_out(false);
    }
    write_all();
    cr_assert(truncate(path, 0) == 0);
    uint64_t from = next_line;
    for (int i = 0; i < 3; i++) {
        add_lines(2 * AUDIT_FILE_DIRECT);
        write_out(false);
    }
    write_all();
    check_all(from);
    cr_assert(stat(path, &st) == 0 && st.st_size < 8 * (off_t)AUDIT_FILE_DIRECT);
    end();
}

/* The bytes of the file, with a NUL. */
static const char *content(const char *name)
{
    static char text[8192];
    int fd = open(name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    cr_assert(n >= 0);
    close(fd);
    text[n] = '\0';
    return text;
}

Test(audit_file, half_a_line_of_a_killed_process_spoils_no_other)
{
    char error[512];
    size_t lost_from;
    begin(UINT64_MAX);
    audit_file_close(&file);
    int other = open(path, O_WRONLY | O_TRUNC);
    cr_assert(write(other, "whole\nhal", 9) == 9);
    close(other);
    file = audit_file_open(path, UINT64_MAX, KEEP, error);
    cr_assert(audit_file_carry(file, 6) < 6 && audit_file_write(file, "first\n", 6, false, &lost_from));
    audit_file_close(&file);
    cr_assert_str_eq(content(path), "whole\nhal\nfirst\n");
    file = audit_file_open(path, UINT64_MAX, KEEP, error);
    cr_assert(audit_file_carry(file, 7) < 7 && audit_file_write(file, "second\n", 7, false, &lost_from));
    cr_assert_str_eq(content(path), "whole\nhal\nfirst\nsecond\n");
    end();
}

/* The file may not grow beyond some size: a disk that is full in the middle of a line. */
Test(audit_file, a_disk_that_is_full_in_the_middle_of_a_line)
{
    size_t lost_from, at = 0;
    begin(UINT64_MAX);
    struct rlimit before, now;
    cr_assert(getrlimit(RLIMIT_FSIZE, &before) == 0);
    now = (struct rlimit){9, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(setrlimit(RLIMIT_FSIZE, &now) == 0);
    memcpy(fill, "first\nsecond\n", 13);
    at = audit_file_carry(file, 13);
    bool written = audit_file_write(file, fill, 13, false, &lost_from);
    memmove(fill, fill + 13 - at, at);
    memcpy(fill + at, "third\n", 6);
    size_t n = at + 6;
    at = audit_file_carry(file, n);
    bool again = audit_file_write(file, fill, n, false, &lost_from);
    memmove(fill, fill + n - at, at);
    memcpy(fill + at, "fourth\n", 7);
    n = at + 7;
    cr_assert(setrlimit(RLIMIT_FSIZE, &before) == 0);
    cr_assert(!written && !again);
    at = audit_file_carry(file, n);
    cr_assert(audit_file_write(file, fill, n, false, &lost_from));
    cr_assert_str_eq(content(path), "first\nsec\nfourth\n");
    end();
}

Test(audit_file, a_pipe_is_not_rotated)
{
    char error[512], pipe_path[160], piece[4096];
    size_t lost_from;
    struct stat st;
    begin(UINT64_MAX);
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    cr_assert(mkfifo(pipe_path, 0600) == 0);
    int reader = open(pipe_path, O_RDONLY | O_NONBLOCK);
    struct audit_file *f = audit_file_open(pipe_path, 1000, KEEP, error);
    cr_assert(f != NULL);
    add_lines(3000);
    for (int i = 0; i < 3; i++) {
        (void)audit_file_carry(f, filled);
        cr_assert(audit_file_write(f, fill, filled, false, &lost_from));
        while (read(reader, piece, sizeof piece) > 0)
            ;
    }
    cr_assert(lstat(pipe_path, &st) == 0 && S_ISFIFO(st.st_mode));
    audit_file_close(&f);
    close(reader);
    unlink(pipe_path);
    filled = 0;
    next_line = 0;
    end();
}

Test(audit_file, a_full_disk_loses_lines_and_goes_on)
{
    char error[512];
    size_t lost_from;
    if (access("/dev/full", W_OK) != 0)
        return;
    begin(UINT64_MAX);
    struct audit_file *full = audit_file_open("/dev/full", UINT64_MAX, KEEP, error);
    cr_assert(full != NULL);
    add_lines(2 * AUDIT_FILE_DIRECT);
    size_t carry = audit_file_carry(full, filled);
    cr_assert(!audit_file_write(full, fill, filled, false, &lost_from));
    cr_assert(lost_from == 0 && audit_file_done(full) == carry);
    audit_file_close(&full);
    filled = 0;
    next_line = 0;
    end();
}
