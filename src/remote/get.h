/*
 * Gets: requests for an object or a part of it; private to objects.c, get.c and
 * ahead.c.
 *
 * One function begins a get, another ends it. Read ahead is the first alone:
 * the get waits in a list until somebody asks for just that, and ends it. So
 * both ways share all rules, and a failure comes to light where its bytes are
 * needed.
 */
#ifndef SWITCHYARD_REMOTE_GET_H
#define SWITCHYARD_REMOTE_GET_H

#include <pthread.h>

#include "remote/known.h"
#include "remote/objects.h"

enum {
    GET_PEEK = 64 * 1024,  /* bytes fetched with a size */
    GET_SMALL = 64 * 1024, /* what is kept of objects that are read whole */
};

/* One request on its way. */
struct get {
    struct get *next; /* in the list of those ahead */
    enum store_soon what;
    char *name;
    uint64_t offset;
    uint64_t len;
    uint64_t charge; /* bytes of memory that it stands for */
    struct objects_query query;
    struct buf body;
    struct fetch_call *call;
};

struct objects_state {
    pthread_mutex_t lock; /* guards what follows */
    struct known_table known;
    struct get *ahead;
    size_t ahead_count;
    uint64_t ahead_bytes;
    uint64_t ahead_max;
    uint64_t requests;
    uint64_t received;
    char *traceparent; /* a header line, or NULL */
};

/*
 * Begins a get of what: a size with the first GET_PEEK bytes, len bytes from
 * offset, or the whole object. The body goes to dst, which has len bytes, or if
 * that is NULL into the get's own buffer, of at most max bytes.
 */
int get_begin(struct objects *o, enum store_soon what, const char *name,
              uint64_t offset, uint64_t len, void *dst, uint64_t max,
              struct get **out, struct error *err);

/* The same of a whole object, into a taker; ended by get_end() at once. */
int get_begin_stream(struct objects *o, const char *name,
                     int (*take)(void *ctx, const void *data, size_t len,
                                 struct error *err),
                     void *ctx, struct get **out, struct error *err);

/* Waits for it and remembers what the reply tells of the object. */
int get_end(struct objects *o, struct get *g, struct error *err);
void get_free(struct get *g);

/* Adds a reply to the store's statistics. */
void get_count(struct objects *o, const struct fetch_reply *r);

/* What every request of the store has. */
void get_set_common(struct objects *o, struct fetch_request *q);

/* Takes what was begun ahead out of the list; NULL if it was not. */
struct get *ahead_take(struct objects *o, enum store_soon what,
                       const char *name, uint64_t offset, uint64_t len);

/* store_soon() and store_set_ahead(). */
bool ahead_soon(struct store *s, enum store_soon what, const char *name,
                uint64_t offset, uint64_t len);
uint64_t ahead_set(struct store *s, uint64_t bytes);

#endif
