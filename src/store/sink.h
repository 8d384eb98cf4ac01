/*
 * A sink: a model folder being written, published at once or not at all.
 *
 * Files are created with their final size and written at offsets, from several
 * threads at once. Nothing is visible under the final name before
 * sink_publish(); sink_free() without it removes everything that was written.
 */
#ifndef SWITCHYARD_STORE_SINK_H
#define SWITCHYARD_STORE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sink;
struct sink_file;

struct sink_ops {
    int (*create)(struct sink *s, const char *name, uint64_t size,
                  struct sink_file **out, struct error *err);
    int (*write)(struct sink_file *f, uint64_t offset, const void *data,
                 size_t len, struct error *err);
    int (*close)(struct sink_file *f, struct error *err);
    int (*publish)(struct sink *s, struct error *err);
    void (*free)(struct sink *s);
};

/* Implementations embed these two as their first member. */
struct sink {
    const struct sink_ops *ops;
};

struct sink_file {
    struct sink *sink;
};

/*
 * Reserves size bytes under name (one component); ERR_SPACE if they cannot be
 * had. The file belongs to the sink until sink_close() takes it. Not safe
 * beside other calls on the same sink.
 */
int sink_create(struct sink *s, const char *name, uint64_t size,
                struct sink_file **out, struct error *err);

/* Writes [offset, offset + len), which lies inside the file. Thread safe. */
int sink_write(struct sink_file *f, uint64_t offset, const void *data,
               size_t len, struct error *err);

/* Makes the file durable and frees the handle, also on failure. */
int sink_close(struct sink_file *f, struct error *err);

/* Makes the whole visible under its name, durably. Every file is closed. */
int sink_publish(struct sink *s, struct error *err);

/* Frees the sink; what was not published is removed. NULL is fine. */
void sink_free(struct sink *s);

/*
 * A folder at path. It must not exist (an empty one may), unless overwrite is
 * set: then a published model in it is replaced at once. Work is done in a
 * hidden sibling ".NAME.part-XXXXXX"; parents are created as needed.
 */
int sink_folder_open(const char *path, bool overwrite, struct sink **out,
                     struct error *err);

/* Files in memory, for tests; sink_memory_file() borrows a closed file. */
int sink_memory_new(struct sink **out, struct error *err);
const unsigned char *sink_memory_file(const struct sink *s, const char *name,
                                      size_t *len);

#endif
