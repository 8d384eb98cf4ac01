/*
 * Msgpack as a stream of items, read from a store object through a window.
 *
 * A reader stands between two items. Reading an item moves it behind the whole
 * item, for a container behind its head only: the elements follow as items of
 * their own. The bytes of a text, a blob or an extension are not read, only
 * located. A reader belongs to one thread.
 */
#ifndef SWITCHYARD_CHECKPOINT_MSGPACK_H
#define SWITCHYARD_CHECKPOINT_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

enum {
    MSGPACK_MAX_DEPTH = 1024,
    MSGPACK_WINDOW = 64 * 1024, /* bytes fetched at a time */
};

enum msgpack_kind {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_UINT,
    MSGPACK_INT, /* negative */
    MSGPACK_FLOAT,
    MSGPACK_BYTES, /* str and bin: old writers mix them up */
    MSGPACK_ARRAY,
    MSGPACK_MAP,
    MSGPACK_EXT,
};

struct msgpack_item {
    enum msgpack_kind kind;
    int ext;         /* an extension's code */
    uint64_t count;  /* elements of an array, pairs of a map */
    uint64_t offset; /* of the bytes of a BYTES or EXT item in the object */
    uint64_t len;    /* how many they are; they lie within the object */
    union {
        bool boolean;
        uint64_t uint;
        int64_t sint;
        double real;
    } value;
};

struct msgpack {
    struct store *store; /* borrowed */
    const char *name;    /* the object's; borrowed */
    uint64_t pos;
    uint64_t end;       /* bytes from here on do not exist */
    uint64_t window_at; /* the window holds [window_at, + window_len) */
    size_t window_len;
    unsigned char *window;
};

/* Stands at the object's first byte. Both pointers must outlive the reader. */
int msgpack_open(struct msgpack *m, struct store *store, const char *name,
                 struct error *err);
void msgpack_done(struct msgpack *m);

/*
 * Reads one item. A container that claims more elements, and a text, blob or
 * extension that claims more bytes than remain is ERR_INDEX.
 */
int msgpack_next(struct msgpack *m, struct msgpack_item *item,
                 struct error *err);

/*
 * Moves behind the elements of item, which msgpack_next() just gave. Each item
 * passed takes 1 from *budget (NULL: without end); *ended is set, and the place
 * undefined, where that would go below 0.
 */
int msgpack_skip(struct msgpack *m, const struct msgpack_item *item,
                 uint64_t *budget, bool *ended, struct error *err);

/* len bytes from offset, into dst; the place does not change. */
int msgpack_bytes(struct msgpack *m, uint64_t offset, void *dst, size_t len,
                  struct error *err);

/*
 * A BYTES item as a string into text, which has size bytes. *fits is false, and
 * text "", if it is longer or holds a NUL.
 */
int msgpack_text(struct msgpack *m, const struct msgpack_item *item, char *text,
                 size_t size, bool *fits, struct error *err);

/* The same of the next item. */
int msgpack_next_text(struct msgpack *m, char *text, size_t size, bool *fits,
                      struct error *err);

#endif
