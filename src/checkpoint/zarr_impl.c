/*
 * Metadata files, chunk keys and chunk objects, as zarr 2 and 3 share them.
 */
#include "checkpoint/zarr_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "checkpoint/fill.h"

int zarr_join(char path[static STORE_NAME_MAX + 1], const char *folder,
              const char *file, const char *name, struct error *err)
{
    int n = snprintf(path, STORE_NAME_MAX + 1, "%s%s%s", folder,
                     *folder ? "/" : "", file);

    if (n >= 0 && n <= STORE_NAME_MAX)
        return 0;
    error_set(err, ERR_PATH, "array %.200s: the path of its %.100s is too long",
              name, file);
    return error_subject(err, "%s", name);
}

int zarr_load(struct store *store, const char *folder, const char *file,
              const char *name, json_t **out, struct error *err)
{
    struct buf text = BUF_INIT(ZARR_META_BYTES_MAX);
    char object[STORE_NAME_MAX + 1];
    int rc = zarr_join(object, folder, file, name, err);

    if (!rc)
        rc = store_get(store, object, ZARR_META_BYTES_MAX, &text, err);
    if (!rc)
        rc = json_read(text.data, text.len, object, ERR_METADATA, out, err);
    buf_done(&text);
    return rc;
}

int zarr_refuse(const char *name, enum error_code code, const char *what,
                struct error *err)
{
    error_set(err, code, "array %.200s: its zarr metadata has %s", name, what);
    return error_subject(err, "%s", name);
}

int zarr_dims(const json_t *json, const char *name, const char *what,
              uint64_t *dims, unsigned *rank, struct error *err)
{
    size_t n = json_array_size(json);
    const json_t *dim;

    if (!json_is_array(json) || n > ARRAY_MAX_RANK) {
        error_set(err, ERR_METADATA,
                  "array %.200s: its zarr metadata has no valid %s", name,
                  what);
        error_subject(err, "%s", name);
        return error_expected(err, "a list of at most %d whole numbers",
                              ARRAY_MAX_RANK);
    }
    for (size_t i = 0; i < n; i++) {
        dim = json_array_get(json, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0) {
            error_set(err, ERR_METADATA,
                      "array %.200s: its zarr metadata has a %s that is not "
                      "made of whole numbers",
                      name, what);
            return error_subject(err, "%s", name);
        }
        dims[i] = (uint64_t)json_integer_value(dim);
    }
    *rank = (unsigned)n;
    return 0;
}

void zarr_key(char key[static ZARR_KEY_MAX + 1], size_t len, char separator,
              unsigned rank, const uint64_t *at)
{
    key[len] = '\0';
    for (unsigned i = 0; i < rank; i++) {
        if (len > 0)
            key[len++] = separator;
        len += (size_t)snprintf(key + len, ZARR_KEY_MAX + 1 - len, "%" PRIu64,
                                at[i]);
    }
}

/* Compressed bytes may be a little more than the plain ones, never so many. */
static uint64_t most_bytes(const struct array *a)
{
    return 2 * array_chunk_bytes(a) + (1U << 20);
}

static int too_large(const struct array *a, struct error *err)
{
    error_set(err, ERR_CHUNK, "is far larger than what it should decode to");
    return error_expected(err, "%" PRIu64 " bytes, compressed",
                          array_chunk_bytes(a));
}

int zarr_check_size(const struct array *a, uint64_t len, struct error *err)
{
    if (len <= most_bytes(a))
        return 0;
    too_large(a, err);
    return error_actual(err, "%" PRIu64 " bytes", len);
}

int zarr_fetch(const struct array *a, struct store *store, const char *object,
               struct scratch *s, bool *absent, struct error *err)
{
    int rc = store_get(store, object, most_bytes(a), &s->in, err);

    *absent = rc == ERR_NOT_FOUND;
    if (*absent)
        return 0;
    return rc == ERR_LIMIT ? too_large(a, err) : rc;
}

int zarr_chunk_failed(const struct array *a, const char *chunk, int rc,
                      struct error *err)
{
    struct error cause;

    if (rc != ERR_CHUNK || !err)
        return rc;
    cause = *err;
    error_set(err, ERR_CHUNK, "array %.160s: chunk %.160s %.150s", a->name,
              chunk, cause.text);
    error_subject(err, "%s", a->name);
    error_expected(err, "%s", cause.expected);
    error_actual(err, "%s", cause.actual);
    return error_hint(err, "%s", cause.hint);
}

static int missing(const struct array *a, const char *object, struct error *err)
{
    error_set(err, ERR_CHUNK_MISSING,
              "array %.160s: chunk file %.240s is not there", a->name, object);
    error_subject(err, "%s", a->name);
    error_expected(err, "%s", object);
    error_actual(err, "no such file");
    return error_hint(err, "the checkpoint is incomplete: copy it again, or "
                           "read missing chunks as zeros with "
                           "--allow-missing-chunks");
}

int zarr_absent(const struct array *a, const char *object,
                enum array_missing how, const unsigned char *fill,
                struct scratch *s, const void **data, struct error *err)
{
    size_t bytes = (size_t)array_chunk_bytes(a);
    int rc;

    if (how == ARRAY_MISSING_ERROR)
        return missing(a, object, err);
    rc = scratch_room(&s->out, bytes, err);
    if (rc)
        return rc;
    fill_elements(s->out.data, bytes / dtype_info(a->dtype)->size, a->dtype,
                  fill);
    *data = s->out.data;
    return 0;
}
