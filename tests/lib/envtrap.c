/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded below a server (LD_PRELOAD): memory, threads, maps and random bytes run out when the test says so, and the
 * wall clock shows what the test wants. What to do stands in a file, $ENVTRAP, mapped by both; see struct control and
 * its twin in envtrap.py.
 *
 * A counter of n makes the n-th call from now fail, once; 0 none. malloc and its kin count calls of all threads.
 * Threads: any of the server's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    _Atomic int64_t wall_shift_ms;
    _Atomic int64_t allocations; /* so far */
    _Atomic int64_t fail_allocation, fail_thread, fail_map, fail_random;
};

static struct control nothing, *control = &nothing;

/* glibc's own names of what is replaced here. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("ENVTRAP");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    long p = syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
    close(fd);
    if (p != -1)
        control = (struct control *)p;
}

static bool fails(_Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed) > 0 && atomic_fetch_sub(counter, 1) == 1;
}

static bool allocation_fails(void)
{
    atomic_fetch_add_explicit(&control->allocations, 1, memory_order_relaxed);
    if (!fails(&control->fail_allocation))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return allocation_fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t n)
{
    return allocation_fails() ? NULL : __libc_realloc(old, n);
}

int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return fails(&control->fail_thread) ? EAGAIN : real(ret, attr, run, arg);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (fails(&control->fail_map)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset); /* NOLINT(performance-no-int-to-ptr) */
}

void *mmap64(void *at, size_t n, int prot, int flags, int fd, off_t offset) __attribute__((alias("mmap")));

ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    if (fails(&control->fail_random)) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_getrandom, to, n, flags);
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
    int rc = (int)syscall(SYS_clock_gettime, which, ret);
    if (rc == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        ret->tv_sec += atomic_load(&control->wall_shift_ms) / 1000;
    return rc;
}

time_t time(time_t *ret)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}
