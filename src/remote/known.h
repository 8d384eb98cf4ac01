/*
 * What a store of objects has learnt of each, and the bytes that it keeps;
 * private to objects.c. The caller holds the store's lock.
 */
#ifndef SWITCHYARD_REMOTE_KNOWN_H
#define SWITCHYARD_REMOTE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct known {
    struct known *next; /* of the same slot */
    char *name;
    char *version; /* NULL: none was told */
    bool absent;
    bool has_size;
    uint64_t size;
    unsigned char *data; /* bytes from at on that are kept, or NULL */
    uint64_t at;
    size_t len;
};

struct known_table {
    struct known **slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
    uint64_t kept; /* bytes of all data */
};

/* NULL if nothing is known of it. */
struct known *known_find(const struct known_table *t, const char *name);

/* The same, made where it is not there; NULL if memory runs out. */
struct known *known_at(struct known_table *t, const char *name);

/*
 * Remembers a version. False if another is known: the object changed. version
 * may be "".
 */
bool known_set_version(struct known *k, const char *version);

/* Keeps what is in b, if there is room, and leaves b empty then. */
void known_keep(struct known_table *t, struct known *k, uint64_t at,
                struct buf *b);

/* The len bytes from offset, if they are kept; NULL otherwise. */
const void *known_bytes(const struct known *k, uint64_t offset, uint64_t len);

void known_done(struct known_table *t);

#endif
