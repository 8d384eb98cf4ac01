/*
 * Showing what a checkpoint holds: as members of a JSON object, and as lines
 * for people. All append to a buffer and leave its failure to the caller.
 */
#ifndef SWITCHYARD_PRINT_H
#define SWITCHYARD_PRINT_H

#include "base/json.h"
#include "checkpoint/checkpoint.h"

/* The members path, format, version and step of an object. */
void print_origin(struct json_writer *w, const struct checkpoint *c);

/* The member "checkpoint": an object of those. */
void print_checkpoint(struct json_writer *w, const struct checkpoint *c);
void print_checkpoint_text(struct buf *out, const struct checkpoint *c);

/* The members of an object that is an array: name, dtype, shape, ... */
void print_array(struct json_writer *w, const struct array *a);
void print_array_text(struct buf *out, const struct array *a);

/* "[768, 3072]" */
void print_dims(struct buf *out, const uint64_t *dims, unsigned rank);

void print_warnings(struct buf *out, char *const *warnings, size_t n);

#endif
