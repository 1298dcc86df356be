/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox, see sandbox.h. The list of system calls is what the server, its libraries and the C library make, and
 * what a hand-over to a new process needs; the whole test suite runs under it. A missing one shows as EPERM, never as a
 * dead process.
 */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"

static const char *const allowed[] = {
    /* files */
    "access",
    "chmod",
    "close",
    "close_range",
    "copy_file_range",
    "dup",
    "dup2",
    "dup3",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fchmod",
    "fchmodat",
    "fcntl",
    "fdatasync",
    "flock",
    "fstat",
    "fstatfs",
    "fsync",
    "ftruncate",
    "getcwd",
    "getdents64",
    "ioctl",
    "link",
    "linkat",
    "lseek",
    "lstat",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "stat",
    "statfs",
    "statx",
    "sync_file_range",
    "truncate",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    "write",
    "writev",
    /* sockets and waiting */
    "accept",
    "accept4",
    "bind",
    "connect",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd2",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "pipe",
    "pipe2",
    "poll",
    "ppoll",
    "pselect6",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "select",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    /* memory, threads, time */
    "arch_prctl",
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "exit",
    "exit_group",
    "futex",
    "getrandom",
    "gettid",
    "gettimeofday",
    "madvise",
    "membarrier",
    "mincore",
    "mmap",
    "mprotect",
    "mremap",
    "msync",
    "munmap",
    "nanosleep",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sysinfo",
    "time",
    "times",
    "uname",
    /* the process, and a hand-over */
    "capget",
    "capset",
    "execve",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgrp",
    "getpid",
    "getppid",
    "getpriority",
    "getrlimit",
    "getrusage",
    "getuid",
    "kill",
    "prctl",
    "prlimit64",
    "seccomp",
    "setrlimit",
    "tgkill",
    "vfork",
    "wait4",
    "waitid",
};

/* Capabilities that root keeps: files of other users may be in the data folder of a container. */
#define KEPT ((UINT32_C(1) << CAP_DAC_OVERRIDE) | (UINT32_C(1) << CAP_DAC_READ_SEARCH) | (UINT32_C(1) << CAP_FOWNER))

bool sandbox_become(const char *user, char error[512])
{
    struct passwd *who = getpwnam(user);
    if (!who) {
        snprintf(error, 512, "--user %.200s: there is no such user", user);
        return false;
    }
    if (geteuid() == who->pw_uid)
        return true;
    if (initgroups(user, who->pw_gid) != 0 || setgid(who->pw_gid) != 0 || setuid(who->pw_uid) != 0) {
        snprintf(error, 512, "--user %.200s: %s; only root can become another user", user, strerror(errno));
        return false;
    }
    return true;
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3];
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (cap > 31 || !(KEPT & (UINT32_C(1) << cap)))
            (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* not ours to drop: we never had it */
    if (syscall(SYS_capget, &head, now) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(now); i++) {
        now[i].effective &= i == 0 ? KEPT : 0;
        now[i].permitted &= i == 0 ? KEPT : 0;
        now[i].inheritable = 0;
    }
    (void)syscall(SYS_capset, &head, now);
}

/* A call is allowed when its first argument, of which only the bits of `mask` count, has that value. */
static int allow_when(scmp_filter_ctx filter, int call, unsigned long mask, unsigned long value)
{
    const struct scmp_arg_cmp first = {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &first);
}

/* Threads and a new process, but no namespaces: those are asked for by flags of clone; clone3 hides its flags. */
static int allow_clone(scmp_filter_ctx filter)
{
    const unsigned long namespaces =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    int rc = allow_when(filter, SCMP_SYS(clone), namespaces, 0);
    return rc ? rc : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int allow_sockets(scmp_filter_ctx filter)
{
    static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}; /* the last for looking up names */
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(families); i++)
        rc = allow_when(filter, SCMP_SYS(socket), UINT32_MAX, families[i]);
    return rc ? rc : allow_when(filter, SCMP_SYS(socketpair), UINT32_MAX, AF_UNIX);
}

static int load_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int rc = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) : -ENOMEM; /* for all threads at once */
    if (rc == 0)
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree of comparisons; older libraries cannot */
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(allowed); i++) {
        int number = seccomp_syscall_resolve_name(allowed[i]);
        if (number != __NR_SCMP_ERROR) /* otherwise this architecture does not have it */
            rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
    if (rc == 0)
        rc = allow_clone(filter);
    if (rc == 0)
        rc = allow_sockets(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc;
}

bool sandbox_enter(char error[512])
{
    drop_capabilities();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        snprintf(error, 512, "privileges cannot be given up: %s", strerror(errno));
        return false;
    }
    int rc = load_filter();
    if (rc != 0)
        snprintf(error, 512, "system calls cannot be restricted: %s", strerror(-rc));
    return rc == 0;
}
