/*
 * What the two versions of zarr have in common; private to checkpoint/zarr*.c.
 */
#ifndef SWITCHYARD_CHECKPOINT_ZARR_IMPL_H
#define SWITCHYARD_CHECKPOINT_ZARR_IMPL_H

#include <jansson.h>

#include "checkpoint/array.h"
#include "checkpoint/scratch.h"
#include "store/store.h"

enum {
    ZARR_META_BYTES_MAX = 1 << 20,
    ZARR_META_BYTES_USUAL = 4096,
    /* "c", and a separator and 20 digits for each dimension. */
    ZARR_KEY_MAX = 1 + ARRAY_MAX_RANK * 21,
};

/* "FOLDER/FILE"; ERR_PATH if it is too long. */
int zarr_join(char path[static STORE_NAME_MAX + 1], const char *folder,
              const char *file, const char *name, struct error *err);

/* Reads the metadata in FOLDER/FILE; ERR_NOT_FOUND where it is not there. */
int zarr_load(struct store *store, const char *folder, const char *file,
              const char *name, json_t **out, struct error *err);

/* A list of whole numbers, of at most ARRAY_MAX_RANK; what it is called. */
int zarr_dims(const json_t *json, const char *name, const char *what,
              uint64_t *dims, unsigned *rank, struct error *err);

/* "array NAME: its zarr metadata has WHAT". */
int zarr_refuse(const char *name, enum error_code code, const char *what,
                struct error *err);

/* Appends rank numbers to key, which has len characters, between separators. */
void zarr_key(char key[static ZARR_KEY_MAX + 1], size_t len, char separator,
              unsigned rank, const uint64_t *at);

/*
 * Reads the object whole into s->in; *absent where there is none. bytes is what
 * it should decode to: one that is far larger is refused unread.
 */
int zarr_fetch(const struct array *a, struct store *store, const char *object,
               struct scratch *s, bool *absent, struct error *err);

/* ERR_CHUNK unless len encoded bytes are a size that a chunk of a may have. */
int zarr_check_size(const struct array *a, uint64_t len, struct error *err);

/* Brings rc through; puts array and chunk before the text of an ERR_CHUNK. */
int zarr_chunk_failed(const struct array *a, const char *chunk, int rc,
                      struct error *err);

/* ERR_CHUNK_MISSING for the object, or a chunk full of the fill value. */
int zarr_absent(const struct array *a, const char *object,
                enum array_missing how, const unsigned char *fill,
                struct scratch *s, const void **data, struct error *err);

#endif
