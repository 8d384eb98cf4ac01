/*
 * Models that are there.
 *
 * Which files belong to a model is what its index says; without one it is the
 * one file. All tensors of those files count, and the index must not promise
 * others. (huggingface_hub and transformers read them in the same way:
 * transformers/modeling_utils.py, load_sharded_checkpoint.)
 */
#include "safetensors/existing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { INDEX_MAX = 256 << 20, LENGTH_BYTES = 8 };

static const char single_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);

    return n >= m && !strcmp(text + n - m, end);
}

static uint64_t read_length(const unsigned char bytes[static LENGTH_BYTES])
{
    uint64_t n = 0;

    for (unsigned i = LENGTH_BYTES; i > 0; i--)
        n = n << 8 | bytes[i - 1];
    return n;
}

/* The head of a file, its size told by its first bytes. */
static int read_head(struct store *s, struct existing_file *f,
                     struct error *err)
{
    unsigned char first[LENGTH_BYTES];
    unsigned char *head = NULL;
    uint64_t size = 0;
    uint64_t len = 0;
    int rc = store_size(s, f->name, &size, err);

    if (!rc && size < LENGTH_BYTES)
        rc = error_set(err, ERR_SAFETENSORS, "%.200s is too short", f->name);
    if (!rc)
        rc = store_read(s, f->name, 0, first, sizeof first, err);
    if (rc)
        return rc;
    len = read_length(first);
    if (len > SAFETENSORS_MAX_HEADER || len > size - LENGTH_BYTES) {
        error_set(err, ERR_SAFETENSORS, "%.200s has no valid head", f->name);
        error_actual(err, "a head of %llu bytes in a file of %llu",
                     (unsigned long long)len, (unsigned long long)size);
        return error_subject(err, "%s", f->name);
    }
    head = malloc(LENGTH_BYTES + (size_t)len);
    if (!head)
        return error_memory(err);
    rc = store_read(s, f->name, 0, head, LENGTH_BYTES + (size_t)len, err);
    if (!rc)
        rc = safetensors_read_header(head, LENGTH_BYTES + (size_t)len, size,
                                     f->name, &f->header, err);
    free(head);
    return rc;
}

static int add_file(struct existing *m, const char *name, struct error *err)
{
    struct existing_file *files;

    for (size_t i = 0; i < m->file_count; i++)
        if (!strcmp(m->files[i].name, name))
            return 0;
    files = reallocarray(m->files, m->file_count + 1, sizeof *files);
    if (!files)
        return error_memory(err);
    m->files = files;
    files[m->file_count] = (struct existing_file){ .name = strdup(name) };
    if (!files[m->file_count].name)
        return error_memory(err);
    return read_head(m->store, &files[m->file_count++], err);
}

static const char *tensor_name(const struct existing_tensor *t)
{
    return t->tensor->name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(tensor_name(a), tensor_name(b));
}

/* All tensors of all files, once those are complete. */
static int gather(struct existing *m, struct error *err)
{
    size_t total = 0;

    for (size_t i = 0; i < m->file_count; i++)
        total += m->files[i].header.count;
    m->tensors = calloc(total + 1, sizeof *m->tensors);
    if (!m->tensors)
        return error_memory(err);
    for (size_t i = 0; i < m->file_count; i++)
        for (size_t k = 0; k < m->files[i].header.count; k++)
            m->tensors[m->count++] = (struct existing_tensor){
                .tensor = &m->files[i].header.tensors[k], .file = i
            };
    if (m->count > 0)
        qsort(m->tensors, m->count, sizeof *m->tensors, by_name);
    for (size_t i = 1; i < m->count; i++)
        if (by_name(&m->tensors[i - 1], &m->tensors[i]) == 0) {
            error_set(err, ERR_SAFETENSORS, "%.200s is in two files",
                      tensor_name(&m->tensors[i]));
            return error_subject(err, "%s", tensor_name(&m->tensors[i]));
        }
    return 0;
}

static int open_indexed(struct existing *m, const json_t *map,
                        const char *folder, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    const char *tensor;
    const json_t *file;
    int rc = 0;

    json_object_foreach ((json_t *)(uintptr_t)map, tensor, file) {
        if (!json_is_string(file)) {
            error_set(err, ERR_SAFETENSORS, "the index has no file for %.200s",
                      tensor);
            return error_subject(err, "%s", tensor);
        }
        rc = store_join(path, folder, json_string_value(file), err);
        if (!rc)
            rc = add_file(m, path, err);
        if (rc)
            return rc;
    }
    rc = gather(m, err);
    json_object_foreach ((json_t *)(uintptr_t)map, tensor, file) {
        if (rc || existing_find(m, tensor))
            continue;
        error_set(err, ERR_SAFETENSORS,
                  "the index promises %.200s, which is not in %.200s", tensor,
                  json_string_value(file));
        rc = error_subject(err, "%s", tensor);
    }
    return rc;
}

static int open_index(struct existing *m, const char *name, struct error *err)
{
    const char *slash = strrchr(name, '/');
    char folder[STORE_NAME_MAX + 1];
    struct buf text = BUF_INIT(INDEX_MAX);
    json_t *root = NULL;
    const json_t *map;
    int rc = store_get(m->store, name, INDEX_MAX, &text, err);

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - name) : 0,
             name);
    if (!rc)
        rc = json_read(text.data ? (void *)text.data : "", text.len, name,
                       ERR_SAFETENSORS, &root, err);
    map = json_object_get(root, "weight_map");
    if (!rc && !json_is_object(map)) {
        error_set(err, ERR_SAFETENSORS, "%.200s has no weight_map", name);
        rc = error_subject(err, "%s", name);
    }
    if (!rc)
        rc = open_indexed(m, map, folder, err);
    json_decref(root);
    buf_done(&text);
    return rc;
}

static int open_single(struct existing *m, const char *name, struct error *err)
{
    int rc = add_file(m, name, err);

    return rc ? rc : gather(m, err);
}

static int open_folder(struct existing *m, const char *folder,
                       struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    uint64_t size;
    int rc = store_join(path, folder, index_name, err);

    if (!rc)
        rc = store_size(m->store, path, &size, err);
    if (rc != ERR_NOT_FOUND)
        return rc ? rc : open_index(m, path, err);
    rc = store_join(path, folder, single_name, err);
    if (!rc)
        rc = store_size(m->store, path, &size, err);
    if (rc == ERR_NOT_FOUND) {
        error_set(err, ERR_NOT_FOUND, "%.200s holds no model",
                  *folder ? folder : m->store->label);
        error_expected(err, "%s or %s", single_name, index_name);
        return error_hint(err, "name the folder of a model, its index, or one "
                               "safetensors file");
    }
    return rc ? rc : open_single(m, path, err);
}

bool existing_is_file(const char *name)
{
    return ends_with(name, ".safetensors") || ends_with(name, ".json");
}

int existing_open_steal(struct store *store, const char *name,
                        struct existing **out, struct error *err)
{
    struct existing *m = calloc(1, sizeof *m);
    int rc;

    if (!m) {
        store_free(store);
        return error_memory(err);
    }
    m->store = store;
    if (ends_with(name, ".safetensors"))
        rc = open_single(m, name, err);
    else if (ends_with(name, ".json"))
        rc = open_index(m, name, err);
    else
        rc = open_folder(m, name, err);
    if (rc)
        existing_free(m);
    else
        *out = m;
    return rc;
}

void existing_free(struct existing *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->file_count; i++) {
        safetensors_header_done(&m->files[i].header);
        free(m->files[i].name);
    }
    free(m->files);
    free(m->tensors);
    store_free(m->store);
    free(m);
}

const struct existing_tensor *existing_find(const struct existing *m,
                                            const char *name)
{
    size_t low = 0;
    size_t high = m->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(tensor_name(&m->tensors[mid]), name);

        if (order == 0)
            return &m->tensors[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

int existing_read(const struct existing *m, const struct existing_tensor *t,
                  uint64_t offset, void *dst, size_t len, struct error *err)
{
    return store_read(m->store, m->files[t->file].name,
                      t->tensor->begin + offset, dst, len, err);
}
