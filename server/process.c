/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading /proc. The formats are proc(5)'s; numbers are found by the names before them.
 * Threads: any.
 */
#include "server/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>

#define FILE_MAX_BYTES 4096
#define KIB            1024

/* Ends with a NUL; empty when it cannot be read. */
static void read_file(const char *path, char out[FILE_MAX_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, FILE_MAX_BYTES - 1);
    out[n < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        close(fd);
}

/* The number behind a name that stands at the beginning of a line. */
static uint64_t number_of(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, name, n) == 0)
            return strtoull(line + n, NULL, 10);
    return 0;
}

static uint64_t count_files(void)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder's own */
}

void process_stats(struct process_stats *ret)
{
    char text[FILE_MAX_BYTES];
    struct rusage usage;
    struct rlimit files;
    unsigned long long pages = 0, resident = 0;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    *ret = (struct process_stats){.open_files = count_files()};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret->cpu_seconds = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        ret->max_files = files.rlim_cur;
    read_file("/proc/self/statm", text);
    char *end = text;
    pages = strtoull(text, &end, 10);
    resident = strtoull(end, NULL, 10);
    ret->virtual_bytes = pages * page;
    ret->resident_bytes = resident * page;
    read_file("/proc/self/io", text);
    ret->read_chars = number_of(text, "rchar:");
    ret->write_chars = number_of(text, "wchar:");
    ret->read_calls = number_of(text, "syscr:");
    ret->write_calls = number_of(text, "syscw:");
    ret->read_bytes = number_of(text, "read_bytes:");
    ret->write_bytes = number_of(text, "write_bytes:");
}

void memory_stats(struct memory_stats *ret)
{
    char text[FILE_MAX_BYTES];
    read_file("/proc/meminfo", text);
    *ret = (struct memory_stats){
        .total = number_of(text, "MemTotal:") * KIB,
        .unused = number_of(text, "MemFree:") * KIB,
        .available = number_of(text, "MemAvailable:") * KIB,
        .buffers = number_of(text, "Buffers:") * KIB,
        .cached = number_of(text, "Cached:") * KIB,
        .shared = number_of(text, "Shmem:") * KIB,
    };
}

void load_averages(double ret[3])
{
    char text[FILE_MAX_BYTES], *at = text;
    read_file("/proc/loadavg", text);
    for (int i = 0; i < 3; i++)
        ret[i] = strtod(at, &at);
}

struct inode_stats process_inodes(const char *path)
{
    struct statvfs v;
    if (statvfs(path, &v) != 0)
        return (struct inode_stats){0};
    return (struct inode_stats){.total = v.f_files, .available = v.f_favail};
}
