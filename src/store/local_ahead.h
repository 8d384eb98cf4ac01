/*
 * Reading ahead in the local file system; private to store/local*.c.
 *
 * What will be read soon is opened, and the system told to bring it into the
 * page cache. What was not there before leaves it once it was read, so that a
 * checkpoint read once does not push out what other programs keep there.
 */
#ifndef SWITCHYARD_STORE_LOCAL_AHEAD_H
#define SWITCHYARD_STORE_LOCAL_AHEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Less than this is not worth a word; nor are more at a time. */
enum { LOCAL_AHEAD_LEAST = 256 << 10, LOCAL_AHEAD_MOST = 16 };

/* A stretch of a file that somebody will read, or is reading. */
struct told {
    char *name;
    uint64_t offset;
    uint64_t len;
    int fd;
    bool drop; /* it was not in the page cache */
};

struct local_ahead {
    pthread_mutex_t lock; /* guards what follows */
    uint64_t most;        /* bytes in all; 0: nothing is read ahead */
    uint64_t bytes;
    unsigned count;
    struct told told[LOCAL_AHEAD_MOST];
};

/* 0 or an errno. */
int local_ahead_init(struct local_ahead *a);
void local_ahead_done(struct local_ahead *a);

/* Allows so many bytes to be read ahead; what nobody took is forgotten. */
void local_ahead_set(struct local_ahead *a, uint64_t bytes);

/*
 * Tells of len bytes of a file in the folder dir, all of it with UINT64_MAX;
 * false if there is no room. What cannot be opened is left to who reads it.
 */
bool local_ahead_tell(struct local_ahead *a, int dir, const char *name,
                      uint64_t offset, uint64_t len);

/* Takes what was told of; false if nothing was. told_done() ends it. */
bool local_ahead_take(struct local_ahead *a, const char *name, uint64_t offset,
                      struct told *out);
void told_done(struct told *t);

#endif
