/*
 * A store: bytes by name, read only.
 *
 * A name is relative, '/'-separated and has no empty, "." or ".." component;
 * every call checks that, so no caller can leave the store. "" names the
 * store's root where a folder is meant. All calls are safe from several threads
 * at once.
 */
#ifndef SWITCHYARD_STORE_STORE_H
#define SWITCHYARD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    STORE_NAME_MAX = 4096, /* bytes */
    STORE_DEPTH_MAX = 64,  /* components */
};

struct store;

/* What store_list() calls for each entry of a folder; non-zero stops it. */
typedef int (*store_entry_fn)(void *ctx, const char *name, bool is_folder,
                              struct error *err);

/* What will be asked for soon. */
enum store_soon {
    STORE_SOON_SIZE, /* store_size(), and perhaps the first few bytes */
    STORE_SOON_GET,  /* store_get(); len is the size to expect */
    STORE_SOON_READ, /* store_read() of exactly these bytes */
};

struct store_ops {
    /* Bytes of name; ERR_NOT_FOUND where there is no such object. */
    int (*size)(struct store *s, const char *name, uint64_t *size,
                struct error *err);
    /* Exactly len bytes from offset; fewer is ERR_READ. */
    int (*read)(struct store *s, const char *name, uint64_t offset, void *dst,
                size_t len, struct error *err);
    /* The whole object, into b (cleared first), at most max bytes. */
    int (*get)(struct store *s, const char *name, uint64_t max, struct buf *b,
               struct error *err);
    /* The entries of a folder, in no order; ERR_NOT_FOUND if it is none. */
    int (*list)(struct store *s, const char *folder, store_entry_fn fn,
                void *ctx, struct error *err);
    /* See store_soon(), store_set_ahead(); both NULL where reading is quick. */
    bool (*soon)(struct store *s, enum store_soon what, const char *name,
                 uint64_t offset, uint64_t len);
    uint64_t (*set_ahead)(struct store *s, uint64_t bytes);
    void (*free)(struct store *s);
};

/* Implementations embed this as their first member. */
struct store {
    const struct store_ops *ops;
    char *label; /* how messages name the store: its path or URL */
};

int store_size(struct store *s, const char *name, uint64_t *size,
               struct error *err);
int store_read(struct store *s, const char *name, uint64_t offset, void *dst,
               size_t len, struct error *err);
int store_get(struct store *s, const char *name, uint64_t max, struct buf *b,
              struct error *err);
int store_list(struct store *s, const char *folder, store_entry_fn fn,
               void *ctx, struct error *err);
void store_free(struct store *s);

/*
 * A hint that this will be asked for: a store far away begins to fetch it and
 * keeps it until then. False if there is no room for it yet: say it again
 * later. Never fails; what goes wrong is told to who asks.
 */
bool store_soon(struct store *s, enum store_soon what, const char *name,
                uint64_t offset, uint64_t len);

/*
 * Allows bytes to be fetched ahead and kept; what is kept beyond that, always
 * all with 0, is dropped. *memory (may be NULL) is how many of them would be
 * this process's memory. False for a store that does not read ahead.
 */
bool store_set_ahead(struct store *s, uint64_t bytes, uint64_t *memory);

/* folder ("" for the root) and a name in it as one name; ERR_PATH if too long.
 */
int store_join(char out[static STORE_NAME_MAX + 1], const char *folder,
               const char *name, struct error *err);

/* ERR_PATH unless name is as described above and no longer or deeper than the
   limits; "" is refused too. */
int store_check_name(const char *name, struct error *err);

/* A folder of the local file system. The caller frees it. */
int store_local_open(const char *path, struct store **out, struct error *err);

/* The same relative to a folder's descriptor; label is its name in messages. */
int store_local_open_at(int folder, const char *path, const char *label,
                        struct store **out, struct error *err);

/* The same, but no link in it leads out of it: such names cannot be read. */
int store_local_open_beneath(const char *path, struct store **out,
                             struct error *err);

/*
 * Objects in memory, for tests and small generated sources. put copies data
 * and replaces what was there; it must not run beside other calls.
 */
int store_memory_new(struct store **out, struct error *err);
int store_memory_put(struct store *s, const char *name, const void *data,
                     size_t len, struct error *err);

#endif
