/*
 * A short table of files that are open already.
 *
 * The system reads ahead by itself, but no further than a fraction of a
 * megabyte, and never into the next file: with a chunk in each, every one would
 * begin with a wait. So the next chunks are told to it while those before them
 * are decoded.
 *
 * Whether something is in the page cache is asked by reading a byte here and
 * there without waiting. Where a file system cannot tell, nothing is dropped.
 */
#include "store/local_ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/num.h"

enum { PROBES = 8 };

int local_ahead_init(struct local_ahead *a)
{
    a->most = a->bytes = 0;
    a->count = 0;
    return pthread_mutex_init(&a->lock, NULL);
}

void local_ahead_done(struct local_ahead *a)
{
    local_ahead_set(a, 0);
    pthread_mutex_destroy(&a->lock);
}

static void forget(struct told *t)
{
    close(t->fd);
    free(t->name);
}

void told_done(struct told *t)
{
    if (t->drop)
        posix_fadvise(t->fd, (off_t)t->offset, (off_t)t->len,
                      POSIX_FADV_DONTNEED);
    forget(t);
}

void local_ahead_set(struct local_ahead *a, uint64_t bytes)
{
    pthread_mutex_lock(&a->lock);
    while (a->count > 0)
        forget(&a->told[--a->count]);
    a->bytes = 0;
    a->most = bytes;
    pthread_mutex_unlock(&a->lock);
}

/* Whether nothing of a stretch is in the page cache. */
static bool is_absent(int fd, uint64_t offset, uint64_t len)
{
    char byte;
    const struct iovec to = { &byte, 1 };

    for (uint64_t i = 0; i < PROBES; i++)
        if (preadv2(fd, &to, 1, (off_t)(offset + (len - 1) / (PROBES - 1) * i),
                    RWF_NOWAIT) >= 0 ||
            errno != EAGAIN)
            return false;
    return true;
}

/* Opens what t names; false if it is not worth it, or cannot be read. */
static bool open_told(struct told *t, int dir)
{
    struct stat st;

    t->fd = openat(dir, t->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (t->fd < 0)
        return false;
    if (fstat(t->fd, &st) == 0 && S_ISREG(st.st_mode) &&
        t->offset < (uint64_t)st.st_size) {
        t->len = num_min(t->len, (uint64_t)st.st_size - t->offset);
        if (t->len >= LOCAL_AHEAD_LEAST)
            return true;
    }
    close(t->fd);
    return false;
}

static bool is_told(const struct told *t, const char *name, uint64_t offset)
{
    return t->offset == offset && !strcmp(t->name, name);
}

/* With the lock held. */
static bool tell(struct local_ahead *a, int dir, const char *name,
                 uint64_t offset, uint64_t len)
{
    struct told t = { .offset = offset, .len = len };

    for (unsigned i = 0; i < a->count; i++)
        if (is_told(&a->told[i], name, offset))
            return true;
    if (a->count == LOCAL_AHEAD_MOST || a->bytes >= a->most)
        return false;
    t.name = strdup(name);
    if (!t.name || !open_told(&t, dir)) {
        free(t.name);
        return true;
    }
    t.drop = is_absent(t.fd, t.offset, t.len);
    posix_fadvise(t.fd, (off_t)t.offset, (off_t)t.len, POSIX_FADV_WILLNEED);
    a->bytes += t.len;
    a->told[a->count++] = t;
    return true;
}

bool local_ahead_tell(struct local_ahead *a, int dir, const char *name,
                      uint64_t offset, uint64_t len)
{
    bool room = true;

    if (len < LOCAL_AHEAD_LEAST)
        return true;
    pthread_mutex_lock(&a->lock);
    room = tell(a, dir, name, offset, len);
    pthread_mutex_unlock(&a->lock);
    return room;
}

bool local_ahead_take(struct local_ahead *a, const char *name, uint64_t offset,
                      struct told *out)
{
    unsigned i = 0;
    bool found;

    pthread_mutex_lock(&a->lock);
    while (i < a->count && !is_told(&a->told[i], name, offset))
        i++;
    found = i < a->count;
    if (found) {
        *out = a->told[i];
        a->bytes -= out->len;
        a->told[i] = a->told[--a->count];
    }
    pthread_mutex_unlock(&a->lock);
    return found;
}
