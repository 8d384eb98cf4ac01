/*
 * Fixtures of checkpoints: files of named records, as the script
 * fixtures/make_checkpoint_fixtures.py writes them. All of this asserts.
 */
#ifndef SWITCHYARD_TESTS_RECORDS_H
#define SWITCHYARD_TESTS_RECORDS_H

#include <stddef.h>

#include "base/buf.h"
#include "checkpoint/checkpoint.h"

struct record {
    char *name;
    const unsigned char *data;
    size_t len;
};

struct records {
    struct buf file;
    struct record *items;
    size_t count;
};

/* Loads tests/fixtures/checkpoint/NAME.rec. */
void records_load(struct records *r, const char *name);
void records_done(struct records *r);

const struct record *records_find(const struct records *r, const char *name);

/* A store in memory of the records below folder, without it ("" for all). */
struct store *records_store(const struct records *r, const char *folder);

/*
 * The array that an "expect/" record is about, as "NAME|DTYPE|SHAPE": compares
 * dtype, shape and all elements, read chunk by chunk.
 */
void records_compare(const struct record *expect, const struct array *a);

/* Appends the msgpack of a JSON text: maps, lists, texts, numbers, nil. */
void records_pack(struct buf *b, const char *json);

#endif
