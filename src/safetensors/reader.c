/*
 * Reading a safetensors header, strictly.
 *
 * Stricter than the reference reader: everything that it refuses (gaps,
 * overlaps, sizes that do not fit the shape, trailing bytes) is refused, and
 * so are duplicate names.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "safetensors/safetensors.h"

struct context {
    const char *what;
    uint64_t data_begin;
    uint64_t file_size;
};

static int refuse(const struct context *c, const char *name, const char *why,
                  struct error *err)
{
    error_set(err, ERR_SAFETENSORS, "%.100s: %.200s: %s", c->what, name, why);
    return error_subject(err, "%s", name);
}

static enum dtype find_dtype(const char *text)
{
    for (int t = DTYPE_NONE + 1; text && t < DTYPE_COUNT; t++) {
        const char *name = dtype_info((enum dtype)t)->safetensors;

        if (name && !strcmp(name, text))
            return (enum dtype)t;
    }
    return DTYPE_NONE;
}

static bool get_u64(const json_t *value, uint64_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static int read_shape(const struct context *c, const json_t *shape,
                      struct safetensors_tensor *t, uint64_t *bytes,
                      struct error *err)
{
    size_t rank = json_array_size(shape);

    if (!json_is_array(shape) || rank > SAFETENSORS_MAX_RANK)
        return refuse(c, t->name, "shape is not an array of dimensions", err);
    t->rank = (unsigned)rank;
    for (size_t i = 0; i < rank; i++)
        if (!get_u64(json_array_get(shape, i), &t->shape[i]))
            return refuse(c, t->name, "a dimension is not a size", err);
    if (!num_product(t->shape, t->rank, bytes) ||
        !num_mul(*bytes, dtype_info(t->dtype)->size, bytes))
        return refuse(c, t->name, "its shape overflows", err);
    return 0;
}

static int read_tensor(const struct context *c, const char *name,
                       const json_t *entry, struct safetensors_tensor *t,
                       struct error *err)
{
    const json_t *span = json_object_get(entry, "data_offsets");
    uint64_t bytes = 0;
    int rc;

    t->name = strdup(name);
    if (!t->name)
        return error_memory(err);
    t->dtype = find_dtype(json_string_value(json_object_get(entry, "dtype")));
    if (t->dtype == DTYPE_NONE)
        return refuse(c, name, "its dtype is not known", err);
    rc = read_shape(c, json_object_get(entry, "shape"), t, &bytes, err);
    if (rc)
        return rc;
    if (json_array_size(span) != 2 ||
        !get_u64(json_array_get(span, 0), &t->begin) ||
        !get_u64(json_array_get(span, 1), &t->end) || t->end < t->begin ||
        t->end > c->file_size - c->data_begin)
        return refuse(c, name, "data_offsets do not lie in the file", err);
    if (t->end - t->begin != bytes)
        return refuse(c, name, "its size does not fit its shape", err);
    t->begin += c->data_begin;
    t->end += c->data_begin;
    return 0;
}

static int compare_tensors(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a;
    const struct safetensors_tensor *y = b;

    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int check_layout(const struct context *c,
                        const struct safetensors_header *h, struct error *err)
{
    uint64_t end = c->data_begin;

    for (size_t i = 0; i < h->count; i++) {
        if (h->tensors[i].begin != end)
            return refuse(c, h->tensors[i].name,
                          "a gap or an overlap stands before it", err);
        end = h->tensors[i].end;
    }
    if (end != c->file_size)
        return refuse(c, "end of file", "bytes follow the last tensor", err);
    return 0;
}

static int read_entries(const struct context *c, json_t *root,
                        struct safetensors_header *h, struct error *err)
{
    const char *name;
    json_t *entry;
    int rc;

    h->tensors = calloc(json_object_size(root) + 1, sizeof *h->tensors);
    if (!h->tensors)
        return error_memory(err);
    json_object_foreach (root, name, entry) {
        if (!strcmp(name, "__metadata__"))
            continue;
        rc = read_tensor(c, name, entry, &h->tensors[h->count++], err);
        if (rc)
            return rc;
    }
    qsort(h->tensors, h->count, sizeof *h->tensors, compare_tensors);
    return check_layout(c, h, err);
}

int safetensors_read_header(const void *data, size_t len, uint64_t file_size,
                            const char *what, struct safetensors_header *out,
                            struct error *err)
{
    struct safetensors_header h = { NULL, 0 };
    struct context c = { .what = what, .file_size = file_size };
    json_t *root = NULL;
    uint64_t length;
    int rc;

    length = len >= 8 ? num_le64(data) : 0;
    if (len < 8 || length > SAFETENSORS_MAX_HEADER || length > len - 8 ||
        length > file_size - 8)
        return refuse(&c, "header", "its length does not fit the file", err);
    c.data_begin = 8 + length;
    rc = json_read((const char *)data + 8, (size_t)length, what,
                   ERR_SAFETENSORS, &root, err);
    if (rc)
        return rc;
    if (json_is_object(root))
        rc = read_entries(&c, root, &h, err);
    else
        rc = refuse(&c, "header", "it is not a JSON object", err);
    json_decref(root);
    if (rc)
        safetensors_header_done(&h);
    else
        *out = h;
    return rc;
}

void safetensors_header_done(struct safetensors_header *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->tensors[i].name);
    free(h->tensors);
    h->tensors = NULL;
    h->count = 0;
}
