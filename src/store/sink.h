/*
 * A sink: a model folder being written, published at once or not at all.
 *
 * Files are created with their final size and written at offsets, from several
 * threads at once. Nothing is visible under the final name before
 * sink_publish(); sink_free() without it removes everything that was written.
 */
#ifndef SWITCHYARD_STORE_SINK_H
#define SWITCHYARD_STORE_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

struct sink;
struct sink_file;

struct sink_ops {
    /* Checks that total bytes can be had; NULL where nothing limits them. */
    int (*require)(struct sink *s, uint64_t total, struct error *err);
    /* See sink_buffer(); NULL where writing never waits. */
    uint64_t (*buffer)(struct sink *s, uint64_t most, unsigned threads);
    /* The new file's name and size are set by sink_create(). */
    int (*create)(struct sink *s, const char *name, uint64_t size,
                  struct sink_file **out, struct error *err);
    int (*write)(struct sink_file *f, uint64_t offset, const void *data,
                 size_t len, struct error *err);
    /* Makes durable and frees; name is freed by sink_close(). */
    int (*close)(struct sink_file *f, struct error *err);
    /* Frees an unfinished file and what it holds. */
    void (*drop)(struct sink_file *f);
    /* What was written, as it is kept; not from memory where that can differ.
     */
    int (*reread)(struct sink *s, struct store **out, struct error *err);
    int (*publish)(struct sink *s, struct error *err);
    void (*free)(struct sink *s);
};

/* Implementations embed these two as their first member. */
struct sink {
    const struct sink_ops *ops;
    struct sink_file *open; /* created and not closed yet */
    atomic_bool failed;     /* a write or close failed: never published */
};

struct sink_file {
    struct sink *sink;
    struct sink_file *next;
    char *name;
    uint64_t size;
};

/*
 * ERR_SPACE if there is no room for total bytes now, before anything is
 * written; a courtesy, since sink_create() reserves for certain.
 */
int sink_require(struct sink *s, uint64_t total, struct error *err);

/*
 * Lets the sink write behind those threads that will write at once, in memory
 * of its own, up to most bytes of it; returns the bytes that it will take.
 * Called before files are created, if at all; without, it writes at once.
 */
uint64_t sink_buffer(struct sink *s, uint64_t most, unsigned threads);

/*
 * Reserves size bytes under name (one component, not there yet); ERR_SPACE if
 * they cannot be had. The file belongs to the sink until sink_close() takes it.
 * Not safe beside other calls on the same sink.
 */
int sink_create(struct sink *s, const char *name, uint64_t size,
                struct sink_file **out, struct error *err);

/*
 * Writes [offset, offset + len), which lies inside the file. Thread safe. With
 * a buffer, a failure may be told by a later call, sink_close() at the latest.
 */
int sink_write(struct sink_file *f, uint64_t offset, const void *data,
               size_t len, struct error *err);

/*
 * Makes the file durable and frees the handle, also on failure. Not safe
 * beside other calls on the same sink.
 */
int sink_close(struct sink_file *f, struct error *err);

/*
 * The files that were written, all of them closed, before they are published:
 * to be read again. The caller frees *out, before the sink.
 */
int sink_reread(struct sink *s, struct store **out, struct error *err);

/*
 * Makes the whole visible under its name, durably. Every file is closed, and
 * no write or close has failed: a failed one is never tried again.
 */
int sink_publish(struct sink *s, struct error *err);

/* Frees the sink; what was not published is removed. NULL is fine. */
void sink_free(struct sink *s);

/*
 * A folder at path. Work is done in a hidden sibling ".NAME.part-XXXXXX",
 * which is renamed when it is published; siblings that dead processes left
 * behind are removed. Parents are created as needed, and stay.
 *
 * Nothing may be at path but an empty folder: anything else is ERR_EXISTS,
 * found before any work. With overwrite a folder of files may be there as well,
 * and is replaced in one step where the file system can (RENAME_EXCHANGE): the
 * files of a model that was in it are gone, whatever else was in it (a README,
 * a tokenizer) is kept. A folder that holds folders or links is refused, so a
 * slip of the pen cannot delete anything. A mount point is refused, since it
 * cannot be renamed.
 */
int sink_folder_open(const char *path, bool overwrite, struct sink **out,
                     struct error *err);

/*
 * The same, but for what becomes of the files: each of them is moved to the
 * folder that path is in, whatever else lies there. Nothing is ever at path.
 */
int sink_folder_open_beside(const char *path, struct sink **out,
                            struct error *err);

/*
 * Files in memory, for tests. sink_memory_file() borrows a closed file, NULL
 * if there is none of that name; sink_memory_published() tells.
 */
int sink_memory_new(struct sink **out, struct error *err);
const unsigned char *sink_memory_file(const struct sink *s, const char *name,
                                      size_t *len);
bool sink_memory_published(const struct sink *s);

#endif
