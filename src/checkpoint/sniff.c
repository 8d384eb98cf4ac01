/*
 * What a file is that should be an index.
 *
 * Folders and files have a habit of being something else than their names say;
 * whoever mixes them up is told what he has there.
 */
#include "checkpoint/sniff.h"

#include <string.h>

#include "base/num.h"

enum { SNIFF_BYTES = 64 };

/* What an index file turns out to be when it is not msgpack. */
static const struct {
    size_t offset;
    const char *bytes;
    size_t len;
    const char *what;
    const char *hint;
} magics[] = {
    { 0, "model_checkpoint_path", 21,
      "the index of a TensorFlow 1 checkpoint (Mesh TensorFlow)",
      "T5X's own scripts convert these to T5X checkpoints" },
    { 8, "{\"", 2, "a safetensors file", SNIFF_MODEL_HINT },
    { 8, "{}", 2, "a safetensors file", SNIFF_MODEL_HINT },
    { 0, "\x1f\x8b", 2, "a gzip file", "unpack it first" },
    { 0, "\x28\xb5\x2f\xfd", 4, "a zstd file", "unpack it first" },
    { 0, "PK\x03\x04", 4, "a zip file", "unpack it first" },
    { 0, "version https://git-lfs", 23, "a Git LFS pointer",
      "fetch the file itself with git lfs pull" },
    { 0, "{", 1, "a JSON file", "name the checkpoint's folder instead" },
};

int sniff_refuse(const char *name, const char *what, const char *hint,
                 struct error *err)
{
    error_set(err, ERR_FORMAT, "%.300s looks like %s", name, what);
    error_subject(err, "%s", name);
    error_expected(err, "a T5X or Orbax checkpoint");
    error_actual(err, "%s", what);
    return error_hint(err, "%s", hint);
}

/* Whether head, the first len bytes of the object, begins a msgpack map. */
static int look(const char *name, const unsigned char *head, size_t len,
                struct error *err)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (len >= magics[i].offset + magics[i].len &&
            !memcmp(head + magics[i].offset, magics[i].bytes, magics[i].len))
            return sniff_refuse(name, magics[i].what, magics[i].hint, err);
    if (len == 0) {
        error_set(err, ERR_INDEX, "%.300s is empty", name);
        error_subject(err, "%s", name);
        return error_hint(err, "copy the checkpoint again");
    }
    if ((head[0] & 0xf0) == 0x80 || head[0] == 0xde || head[0] == 0xdf)
        return 0;
    return sniff_refuse(name, "something other than a msgpack index",
                        "the file called checkpoint in a T5X checkpoint is "
                        "its index",
                        err);
}

int sniff_index(struct store *store, const char *name, struct error *err)
{
    unsigned char head[SNIFF_BYTES];
    uint64_t size = 0;
    size_t len = 0;
    int rc = store_size(store, name, &size, err);

    if (!rc) {
        len = (size_t)num_min(size, sizeof head);
        rc = store_read(store, name, 0, head, len, err);
    }
    return rc ? rc : look(name, head, len, err);
}
