/*
 * sd_notify in one datagram, so that no library is needed for it.
 */
#include "service/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/num.h"

bool notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = path ? strlen(path) : 0;
    socklen_t to_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t sent;
    int fd;

    if (len == 0)
        return true;
    if ((*path != '/' && *path != '@') || len >= sizeof to.sun_path)
        return false;
    memcpy(to.sun_path, path, len);
    if (*path == '@')
        to.sun_path[0] = '\0'; /* the abstract name space */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                  (const struct sockaddr *)&to, to_len);
    close(fd);
    return sent == (ssize_t)strlen(state);
}

uint64_t notify_watchdog_interval(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t value = 0;
    uint64_t who = 0;

    if (!usec ||
        num_parse_uint("WATCHDOG_USEC", usec, 2, INT64_MAX, &value, NULL))
        return 0;
    if (pid && (num_parse_uint("WATCHDOG_PID", pid, 1, INT32_MAX, &who, NULL) ||
                who != (uint64_t)getpid()))
        return 0;
    return value / 2;
}
