/*
 * Writing behind: what threads put is collected in large pieces, which threads
 * of the writer's own bring to the disk, past the page cache where the file
 * system lets them.
 *
 * Memory is what writer_new() was given, no more: who puts faster than the disk
 * takes it waits. Several threads may put at once, also into one file.
 */
#ifndef SWITCHYARD_STORE_WRITER_H
#define SWITCHYARD_STORE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Bytes of a piece, and the least that are worth beginning one. */
enum { WRITER_PIECE = 8 << 20, WRITER_LEAST = 256 << 10 };

struct writer;

/* A file being written; its owner opens it, and closes it after _finish(). */
struct writer_file {
    int fd;
    int direct;      /* the same file with O_DIRECT; -1 where there is none */
    size_t align;    /* of memory, offsets and lengths there */
    int errnum;      /* of the first write that failed; the writer's */
    unsigned pieces; /* that hold some of it; the writer's */
};

/* pieces is 2 or more. */
int writer_new(unsigned pieces, struct writer **out, struct error *err);

/* Every file is finished or dropped. NULL is fine. */
void writer_free(struct writer *w);

/*
 * Opens the file of that name a second time, past the page cache; where that
 * cannot be, or is not worth it, f->direct is -1 and all goes through fd.
 */
void writer_open_direct(struct writer_file *f, int folder, const char *name);

/*
 * Takes a copy of the bytes, to be written at offset; few of them are written
 * at once. 0 or an errno: also of an earlier piece of the file.
 */
int writer_put(struct writer *w, struct writer_file *f, uint64_t offset,
               const void *data, size_t len);

/* Waits until all that was put is written; 0 or the errno of a failure. */
int writer_finish(struct writer *w, struct writer_file *f);

/* Forgets what is not written yet. */
void writer_drop(struct writer *w, struct writer_file *f);

/* Writes all of it through fd, now; 0 or an errno. */
int writer_plain(int fd, uint64_t offset, const void *data, size_t len);

#endif
