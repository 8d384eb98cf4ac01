/*
 * Parsing .zarray, and the metadata of tensorstore specs, which is a part of
 * the same.
 *
 * Members that a reader has no use for are ignored: codec parameters, and
 * whatever other writers add. Filters and structured types change what the
 * bytes mean, so those are refused.
 */
#include "checkpoint/zarr2.h"

#include <string.h>

#include "checkpoint/zarr_impl.h"

static int parse_grid(const json_t *json, const char *name, bool spec,
                      struct zarr2_meta *m, struct error *err)
{
    const json_t *chunks = json_object_get(json, "chunks");
    unsigned rank = 0;
    int rc = zarr_dims(json_object_get(json, "shape"), name, "shape", m->shape,
                       &m->rank, err);

    if (rc)
        return rc;
    if (spec && !chunks) {
        for (unsigned i = 0; i < m->rank; i++)
            m->chunk[i] = m->shape[i] ? m->shape[i] : 1;
        return 0;
    }
    rc = zarr_dims(chunks, name, "chunks", m->chunk, &rank, err);
    if (rc || rank == m->rank)
        return rc;
    zarr_refuse(name, ERR_METADATA, "chunks of another rank than its shape",
                err);
    error_expected(err, "%u dimensions", m->rank);
    return error_actual(err, "%u dimensions", rank);
}

static int parse_dtype(const json_t *json, const char *name, bool spec,
                       enum dtype dtype, struct zarr2_meta *m,
                       struct error *err)
{
    const json_t *text = json_object_get(json, "dtype");

    m->dtype = dtype;
    if (spec && !text)
        return 0;
    if (json_is_array(text))
        return zarr_refuse(name, ERR_DTYPE, "a structured data type", err);
    if (!json_is_string(text))
        return zarr_refuse(name, ERR_METADATA, "no dtype", err);
    m->dtype = dtype_by_zarr(json_string_value(text), &m->big);
    if (m->dtype != DTYPE_NONE)
        return 0;
    zarr_refuse(name, ERR_DTYPE, "a data type that is not numeric", err);
    return error_actual(err, "%.100s", json_string_value(text));
}

static int parse_codec(const json_t *json, const char *name, bool spec,
                       struct zarr2_meta *m, struct error *err)
{
    const json_t *compressor = json_object_get(json, "compressor");
    const char *id = json_string_value(json_object_get(compressor, "id"));

    if (!compressor && !spec)
        return zarr_refuse(name, ERR_METADATA, "no compressor", err);
    if (compressor && !json_is_null(compressor) && !id)
        return zarr_refuse(name, ERR_METADATA, "a compressor without an id",
                           err);
    m->codec = codec_find(id);
    if (m->codec)
        return 0;
    zarr_refuse(name, ERR_FORMAT, "a compressor that is not known", err);
    error_expected(err, "%s", codec_names());
    return error_actual(err, "%.100s", id);
}

/* One of the characters of choices; the first where the member is absent. */
static int parse_letter(const json_t *json, const char *name, const char *key,
                        const char *choices, char *out, struct error *err)
{
    const json_t *member = json_object_get(json, key);
    const char *text = json_string_value(member);

    *out = choices[0];
    if (!member)
        return 0;
    if (text && strlen(text) == 1 && strchr(choices, *text)) {
        *out = *text;
        return 0;
    }
    error_set(err, ERR_METADATA, "array %s: its zarr metadata has no valid %s",
              name, key);
    error_subject(err, "%s", name);
    return error_expected(err, "\"%c\" or \"%c\"", choices[0], choices[1]);
}

static int parse_fill(const json_t *json, const char *name,
                      struct zarr2_meta *m, struct error *err)
{
    const json_t *fill = json_object_get(json, "fill_value");

    if (!fill || json_is_null(fill))
        return 0;
    m->has_fill = true;
    if (fill_parse(fill, m->dtype, m->big, m->fill))
        return 0;
    zarr_refuse(name, ERR_METADATA, "a fill_value that its dtype cannot hold",
                err);
    return error_expected(err, "a %s", dtype_info(m->dtype)->name);
}

/* Whether the members that must have one value have it. */
static int check_constants(const json_t *json, const char *name, bool spec,
                           struct error *err)
{
    const json_t *format = json_object_get(json, "zarr_format");
    const json_t *filters = json_object_get(json, "filters");

    if (!json_is_object(json))
        return zarr_refuse(name, ERR_METADATA, "no JSON object", err);
    if (!(spec && !format) && json_integer_value(format) != 2) {
        zarr_refuse(name, ERR_METADATA, "no zarr_format 2", err);
        return error_expected(err, "2");
    }
    if (filters && !json_is_null(filters) &&
        !(json_is_array(filters) && json_array_size(filters) == 0))
        return zarr_refuse(name, ERR_FORMAT, "filters, which are not supported",
                           err);
    return 0;
}

int zarr2_parse(const json_t *json, const char *name, bool spec,
                enum dtype dtype, struct zarr2_meta *out, struct error *err)
{
    struct zarr2_meta m = { .separator = '.' };
    char order = 'C';
    int rc = check_constants(json, name, spec, err);

    if (!rc)
        rc = parse_grid(json, name, spec, &m, err);
    if (!rc)
        rc = parse_dtype(json, name, spec, dtype, &m, err);
    if (!rc)
        rc = parse_codec(json, name, spec, &m, err);
    if (!rc)
        rc = parse_letter(json, name, "order", "CF", &order, err);
    if (!rc)
        rc = parse_letter(json, name, "dimension_separator", "./", &m.separator,
                          err);
    if (!rc)
        rc = parse_fill(json, name, &m, err);
    if (rc)
        return rc;
    m.fortran = order == 'F';
    *out = m;
    return 0;
}
