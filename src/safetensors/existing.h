/*
 * A model that is there: the tensors of its safetensors files, whoever made it.
 */
#ifndef SWITCHYARD_SAFETENSORS_EXISTING_H
#define SWITCHYARD_SAFETENSORS_EXISTING_H

#include <stdbool.h>

#include "safetensors/safetensors.h"
#include "store/store.h"

struct existing_tensor {
    const struct safetensors_tensor *tensor;
    size_t file; /* index into files */
};

struct existing_file {
    char *name; /* in the store */
    struct safetensors_header header;
};

struct existing {
    struct store *store; /* owned */
    struct existing_file *files;
    size_t file_count;
    struct existing_tensor *tensors; /* by name, unique */
    size_t count;
};

/* Whether a name is that of a file: of safetensors, or of their index. */
bool existing_is_file(const char *name);

/*
 * Opens the model that name names in the store: a file ending in .safetensors,
 * an index (.json), or a folder ("" for the root) with
 * model.safetensors.index.json or model.safetensors. Reads heads only. Takes
 * the store over, also on failure. ERR_SAFETENSORS names the file and tensor.
 */
int existing_open_steal(struct store *store, const char *name,
                        struct existing **out, struct error *err);
void existing_free(struct existing *m);

/* The tensor of that name, or NULL. */
const struct existing_tensor *existing_find(const struct existing *m,
                                            const char *name);

/* Bytes [offset, offset + len) of a tensor. Thread safe. */
int existing_read(const struct existing *m, const struct existing_tensor *t,
                  uint64_t offset, void *dst, size_t len, struct error *err);

#endif
