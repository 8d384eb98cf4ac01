/*
 * Parsing zarr.json (zarr v3, core specification 3.1): all but the codecs,
 * which zarr3_codecs.c reads.
 *
 * Members that nobody marked as safe to ignore ("must_understand": false) are
 * refused by their name; tensorstore does the same.
 */
#include "checkpoint/zarr3_meta.h"

#include <string.h>

#include "checkpoint/zarr3_named.h"
#include "checkpoint/zarr_impl.h"

static int refuse(const char *array, const char *what, struct error *err)
{
    return zarr_refuse(array, ERR_METADATA, what, err);
}

static int read_dtype(const json_t *json, const char *array,
                      struct zarr3_meta *m, struct error *err)
{
    struct zarr3_named n;
    int rc = zarr3_named_read(json_object_get(json, "data_type"), array,
                              "data_type", &n, err);

    if (rc)
        return rc;
    m->dtype = dtype_by_name(n.name, strlen(n.name));
    if (m->dtype != DTYPE_NONE && json_object_size(n.config) == 0)
        return 0;
    zarr_refuse(array, ERR_DTYPE, "a data type that is not numeric or known",
                err);
    return error_actual(err, "%.100s", n.name);
}

static int read_grid(const json_t *json, const char *array,
                     struct zarr3_meta *m, struct error *err)
{
    static const char *const members[] = { "chunk_shape", "" };
    struct zarr3_named n;
    unsigned rank = 0;
    int rc = zarr_dims(json_object_get(json, "shape"), array, "shape", m->shape,
                       &m->rank, err);

    if (!rc)
        rc = zarr3_named_read(json_object_get(json, "chunk_grid"), array,
                              "chunk_grid", &n, err);
    if (!rc && strcmp(n.name, "regular") != 0)
        rc = zarr3_unknown(array, "chunk_grid", n.name, "regular", err);
    if (!rc)
        rc = zarr3_members(array, "member of chunk_grid", n.config, members,
                           err);
    if (!rc)
        rc = zarr_dims(json_object_get(n.config, "chunk_shape"), array,
                       "chunk_shape", m->object, &rank, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < rank; i++)
        if (m->object[i] == 0)
            return refuse(array, "chunks that are empty", err);
    if (rank == m->rank)
        return 0;
    refuse(array, "chunks of another rank than its shape", err);
    error_expected(err, "%u dimensions", m->rank);
    return error_actual(err, "%u dimensions", rank);
}

static int read_keys(const json_t *json, const char *array,
                     struct zarr3_meta *m, struct error *err)
{
    static const char *const members[] = { "separator", "" };
    const json_t *separator;
    const char *text;
    struct zarr3_named n;
    int rc = zarr3_named_read(json_object_get(json, "chunk_key_encoding"),
                              array, "chunk_key_encoding", &n, err);

    if (rc)
        return rc;
    m->prefixed = !strcmp(n.name, "default");
    if (!m->prefixed && strcmp(n.name, "v2") != 0)
        return zarr3_unknown(array, "chunk_key_encoding", n.name,
                             "default or v2", err);
    rc = zarr3_members(array, "member of chunk_key_encoding", n.config, members,
                       err);
    if (rc)
        return rc;
    separator = json_object_get(n.config, "separator");
    text = separator ? json_string_value(separator) : m->prefixed ? "/" : ".";
    if (text && (!strcmp(text, "/") || !strcmp(text, "."))) {
        m->separator = *text;
        return 0;
    }
    refuse(array, "no valid separator", err);
    return error_expected(err, "\"/\" or \".\"");
}

static int read_fill(const json_t *json, const char *array,
                     struct zarr3_meta *m, struct error *err)
{
    const json_t *fill = json_object_get(json, "fill_value");

    if (!fill)
        return refuse(array, "no fill_value", err);
    if (fill_parse_zarr3(fill, m->dtype, m->fill))
        return 0;
    refuse(array, "a fill_value that its data type cannot hold", err);
    return error_expected(err, "a %s", dtype_info(m->dtype)->name);
}

/* Members that are not in this list have to say that they do not matter. */
static int check_top(const json_t *json, const char *array, struct error *err)
{
    static const char *const known[] = {
        "zarr_format",        "node_type",  "shape",  "data_type",
        "chunk_grid",         "fill_value", "codecs", "attributes",
        "chunk_key_encoding", "",
    };
    static const char *const ignored[] = { "dimension_names",
                                           "storage_transformers" };
    const json_t *transformers = json_object_get(json, "storage_transformers");
    json_t *rest = json_copy((json_t *)(uintptr_t)json);
    const char *key;
    json_t *value;
    void *next;
    int rc;

    if (!rest)
        return error_memory(err);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        json_object_del(rest, ignored[i]);
    json_object_foreach_safe(
        rest, next, key,
        value) if (json_is_false(json_object_get(value, "must_understand")))
        json_object_del(rest, key);
    rc = zarr3_members(array, "member", rest, known, err);
    json_decref(rest);
    if (!rc && transformers && !json_is_null(transformers) &&
        !(json_is_array(transformers) && json_array_size(transformers) == 0))
        rc = zarr_refuse(array, ERR_FORMAT,
                         "storage_transformers, which are not supported", err);
    return rc;
}

static int check_constants(const json_t *json, const char *array,
                           struct error *err)
{
    const json_t *format = json_object_get(json, "zarr_format");
    const char *node = json_string_value(json_object_get(json, "node_type"));

    if (!json_is_object(json))
        return refuse(array, "no JSON object", err);
    if (json_integer_value(format) != 3) {
        refuse(array, "no zarr_format 3", err);
        return error_expected(err, "3");
    }
    if (node && !strcmp(node, "array"))
        return check_top(json, array, err);
    refuse(array, "a node_type that is not \"array\"", err);
    error_expected(err, "array");
    error_actual(err, "%.100s", node ? node : "none");
    return error_hint(err, "a group holds arrays, each in its own folder");
}

int zarr3_parse(const json_t *json, const char *name, struct zarr3_meta *out,
                struct error *err)
{
    int rc = check_constants(json, name, err);

    memset(out, 0, sizeof *out);
    if (!rc)
        rc = read_grid(json, name, out, err);
    if (!rc)
        rc = read_dtype(json, name, out, err);
    if (!rc)
        rc = read_keys(json, name, out, err);
    if (!rc)
        rc = read_fill(json, name, out, err);
    if (!rc)
        rc = zarr3_read_codecs(json, name, out, err);
    return rc;
}
