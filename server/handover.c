/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over of the listening socket, see handover.h. Two bytes go over a socket pair: 'R' from the new process, 'G'
 * from the old one. Should the old one die instead of saying 'G', the data is free all the same: the end of the channel
 * counts as 'G' once the data's lock can be had, which data_dir_open finds out.
 */
#include "server/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/check.h"
#include "master_key.h"

#define VARIABLE      "PAIL_HANDOVER"         /* "CHANNEL,SOCKET": descriptor numbers */
#define OF_CONSOLE    "PAIL_HANDOVER_CONSOLE" /* "SOCKET"; one of its own, as earlier versions know the first alone */
#define READY_WAIT_MS 30000
#define ENTRY_MAX     64

extern char **environ;

static char program[PATH_MAX];
static int new_channel = -1;

void handover_remember_program(void)
{
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = '\0';
}

/* The environment with our entries in it, empty ones left out, instead of what a hand-over before left there. */
static char **environment(const char *const *entries, size_t n_entries)
{
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **copy = xcalloc(n + n_entries + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], VARIABLE "=", sizeof VARIABLE) != 0 && strncmp(environ[i], "LISTEN_", 7) != 0 &&
            strncmp(environ[i], OF_CONSOLE "=", sizeof OF_CONSOLE) != 0)
            copy[kept++] = environ[i];
    for (size_t i = 0; i < n_entries; i++)
        if (*entries[i])
            copy[kept++] = (char *)(uintptr_t)entries[i];
    return copy;
}

static int spawn(char **argv, int channel, const int listening[HANDOVER_SOCKETS], const char *master_key,
                 pid_t *ret_pid)
{
    char entry[ENTRY_MAX], console_entry[ENTRY_MAX] = "", key_entry[ENTRY_MAX + MASTER_KEY_TEXT] = "";
    const char *const entries[] = {entry, console_entry, key_entry};
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    snprintf(entry, sizeof entry, VARIABLE "=%d,%d", channel, listening[HANDOVER_S3]);
    if (listening[HANDOVER_CONSOLE] >= 0)
        snprintf(console_entry, sizeof console_entry, OF_CONSOLE "=%d", listening[HANDOVER_CONSOLE]);
    if (*master_key)
        snprintf(key_entry, sizeof key_entry, MASTER_KEY_VARIABLE "=%s", master_key);
    char **with = environment(entries, ARRAY_LEN(entries));
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int rc = posix_spawn(ret_pid, program, NULL, &attributes, argv, with);
    posix_spawnattr_destroy(&attributes);
    OPENSSL_cleanse(key_entry, sizeof key_entry);
    free(with);
    return rc;
}

static bool is_ready(int channel)
{
    struct pollfd p = {.fd = channel, .events = POLLIN};
    char byte = 0;
    int rc;
    do
        rc = poll(&p, 1, READY_WAIT_MS);
    while (rc < 0 && errno == EINTR);
    return rc == 1 && read(channel, &byte, 1) == 1 && byte == 'R';
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

bool handover_begin(struct handover *h, char **argv, const int listening[HANDOVER_SOCKETS], const char *master_key,
                    char error[512])
{
    int pair[2] = {-1, -1}, rc = 0, sockets[HANDOVER_SOCKETS];
    *h = (struct handover){.channel = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        snprintf(error, 512, "%s", strerror(errno));
        return false;
    }
    /* Copies that the new program inherits; nothing else of ours is open to it. */
    int theirs = fcntl(pair[1], F_DUPFD, STDERR_FILENO + 1);
    rc = theirs < 0 ? errno : 0;
    for (size_t i = 0; i < HANDOVER_SOCKETS; i++) {
        sockets[i] = listening[i] < 0 ? -1 : fcntl(listening[i], F_DUPFD, STDERR_FILENO + 1);
        if (listening[i] >= 0 && sockets[i] < 0)
            rc = errno;
    }
    if (rc == 0)
        rc = spawn(argv, theirs, sockets, master_key, &h->pid);
    close_all(&theirs, 1);
    close_all(sockets, HANDOVER_SOCKETS);
    close(pair[1]);
    if (rc == 0 && is_ready(pair[0])) {
        h->channel = pair[0];
        return true;
    }
    close(pair[0]);
    if (rc != 0) {
        snprintf(error, 512, "%.300s: %s", program, strerror(rc));
        return false;
    }
    kill(h->pid, SIGKILL); /* it may be gone, or hang: either way it is not ready */
    waitpid(h->pid, NULL, 0);
    snprintf(error, 512, "the new process did not become ready; what it said is above");
    return false;
}

void handover_go(struct handover *h)
{
    if (h->channel < 0)
        return;
    (void)!write(h->channel, "G", 1);
    close(h->channel);
    h->channel = -1;
}

static int console_socket(void)
{
    const char *text = getenv(OF_CONSOLE);
    uint64_t socket;
    bool good = text && bytes_to_u64(bytes_str(text), INT_MAX, &socket) && new_channel >= 0;
    unsetenv(OF_CONSOLE);
    return good && fcntl((int)socket, F_SETFD, FD_CLOEXEC) == 0 ? (int)socket : -1;
}

static int s3_socket(void)
{
    const char *text = getenv(VARIABLE);
    uint64_t channel, socket;
    if (!text)
        return -1;
    struct bytes all = bytes_str(text);
    ptrdiff_t comma = bytes_find_char(all, ',', 0);
    bool good = comma > 0 && bytes_to_u64(bytes_cut(all, 0, (size_t)comma), INT_MAX, &channel) &&
                bytes_to_u64(bytes_cut(all, (size_t)comma + 1, SIZE_MAX), INT_MAX, &socket);
    unsetenv(VARIABLE);
    if (!good || fcntl((int)channel, F_SETFD, FD_CLOEXEC) != 0 || fcntl((int)socket, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    new_channel = (int)channel;
    return (int)socket;
}

int handover_socket(enum handover_socket which)
{
    return which == HANDOVER_S3 ? s3_socket() : console_socket();
}

bool handover_wait(void)
{
    char byte = 'G';
    if (new_channel < 0)
        return true;
    ssize_t n = write(new_channel, "R", 1);
    if (n == 1)
        do
            n = read(new_channel, &byte, 1);
        while (n < 0 && errno == EINTR);
    close(new_channel);
    new_channel = -1;
    return n >= 0 && byte == 'G';
}
