/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager's side of the process, see service.h. Nothing here can fail a start: a manager that does not
 * listen is none.
 */
#include "server/service.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"

#define FIRST_SOCKET 3 /* where passed sockets begin, by sd_listen_fds(3) */
#define SOCKETS_MAX  16

void service_notify(const char *fmt, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char text[512];
    va_list ap;
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract name */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (n > 0 && (size_t)n < sizeof text)
        (void)!sendto(fd, text, (size_t)n, MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    close(fd);
}

static bool for_us(const char *pid_variable)
{
    const char *pid = getenv(pid_variable);
    uint64_t number;
    return !pid || (bytes_to_u64(bytes_str(pid), INT32_MAX, &number) && number == (uint64_t)getpid());
}

uint64_t service_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t us;
    if (!text || !for_us("WATCHDOG_PID") || !bytes_to_u64(bytes_str(text), UINT64_MAX / 2, &us))
        return 0;
    return us / 2000 ? us / 2000 : 1;
}

int service_socket(const char *name)
{
    const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES");
    uint64_t n;
    if (!count || !getenv("LISTEN_PID") || !for_us("LISTEN_PID") || !bytes_to_u64(bytes_str(count), SOCKETS_MAX, &n))
        return -1;
    for (unsigned i = 0; i < n; i++) {
        size_t length = names ? strcspn(names, ":") : 0;
        bool named = names && length == strlen(name) && memcmp(names, name, length) == 0;
        if (named || (i == 0 && strcmp(name, "s3") == 0 && (!names || n == 1))) {
            int fd = FIRST_SOCKET + (int)i;
            return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0 ? fd : -1;
        }
        names = names && names[length] ? names + length + 1 : NULL;
    }
    return -1;
}
