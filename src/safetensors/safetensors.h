/*
 * safetensors files: header, order, shards, index; and a strict reader.
 *
 * A file is a u64 LE header length, the header as JSON padded with spaces to 8
 * bytes, then the tensors without gaps. Order inside a file: by dtype rank,
 * highest first, then by name, as the reference implementation serialises.
 */
#ifndef SWITCHYARD_SAFETENSORS_SAFETENSORS_H
#define SWITCHYARD_SAFETENSORS_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "tensor/dtype.h"

/* The reference reader refuses longer headers. */
enum { SAFETENSORS_MAX_HEADER = 100000000, SAFETENSORS_MAX_RANK = 32 };

struct safetensors_entry {
    const char *name; /* borrowed */
    enum dtype dtype;
    unsigned rank;
    const uint64_t *shape; /* borrowed */
    uint64_t bytes;
    uint64_t offset; /* from the start of the data; set by _layout */
    size_t tag;      /* the caller's, to find its tensor after sorting */
};

/* Sorts n entries into file order and sets their offsets. */
int safetensors_layout(struct safetensors_entry *entries, size_t n,
                       uint64_t *data_bytes, struct error *err);

/*
 * Appends length, header and padding for entries in file order, with
 * {"format":"pt"} as metadata.
 */
int safetensors_write_header(const struct safetensors_entry *entries, size_t n,
                             struct buf *out, struct error *err);

/*
 * Hugging Face's sharding rule: fills shard[i] with the number, from 0, of the
 * file that tensor i (in module order) goes to; returns the number of files.
 * A tensor above max gets a file of its own at once; otherwise a file is closed
 * when the next tensor would exceed max. (huggingface_hub
 * serialization/_base.py, split_state_dict_into_shards_factory)
 */
size_t safetensors_shard(const uint64_t *bytes, size_t n, uint64_t max,
                         uint32_t *shard);

/* "model.safetensors", or "model-00001-of-00003.safetensors" of i from 0. */
void safetensors_shard_name(size_t i, size_t n, char name[static 64]);

/* One tensor of a header that safetensors_read_header() accepted. */
struct safetensors_tensor {
    char *name;
    enum dtype dtype;
    unsigned rank;
    uint64_t shape[SAFETENSORS_MAX_RANK];
    uint64_t begin, end; /* from the start of the file */
};

struct safetensors_header {
    struct safetensors_tensor *tensors; /* by offset */
    size_t count;
};

/*
 * Reads a header strictly (no gaps, overlaps, trailing bytes or wrong sizes);
 * data holds at least the 8 + n first bytes of a file of file_size bytes.
 */
int safetensors_read_header(const void *data, size_t len, uint64_t file_size,
                            const char *what, struct safetensors_header *out,
                            struct error *err);
void safetensors_header_done(struct safetensors_header *h);

#endif
