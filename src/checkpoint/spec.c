/*
 * Tensorstore specs.
 *
 * A spec is small, so it becomes a JSON value first and its metadata goes
 * through the parser of .zarray. The forms of several years are read: the path
 * inside kvstore or at the top, metadata with and without a dtype, and a
 * transform that only repeats the shape.
 *
 * Specs were written by someone else, on another machine. So the kvstore's
 * driver and bucket count for nothing, and the path is one name inside the
 * checkpoint's folder, or the spec is refused.
 */
#include "checkpoint/spec.h"

#include <string.h>

#include "base/json.h"

enum {
    SPEC_MAX_ITEMS = 4096,
    SPEC_MAX_TEXT = STORE_NAME_MAX,
};

struct to_json {
    struct msgpack *m;
    const char *name;
    unsigned items; /* read so far */
    char text[SPEC_MAX_TEXT + 1];
};

static int refuse(const char *name, const char *what, struct error *err)
{
    error_set(err, ERR_METADATA, "array %s: its tensorstore spec %s", name,
              what);
    return error_subject(err, "%s", name);
}

static int convert(struct to_json *t, const struct msgpack_item *item,
                   unsigned depth, json_t **out, struct error *err);

static int next(struct to_json *t, unsigned depth, json_t **out,
                struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(t->m, &item, err);

    return rc ? rc : convert(t, &item, depth, out, err);
}

static int convert_list(struct to_json *t, uint64_t count, unsigned depth,
                        json_t *list, struct error *err)
{
    json_t *value = NULL;
    int rc = 0;

    for (uint64_t i = 0; i < count && !rc; i++) {
        rc = next(t, depth + 1, &value, err);
        if (!rc && json_array_append_new(list, value))
            rc = error_memory(err);
    }
    return rc;
}

static int convert_map(struct to_json *t, uint64_t count, unsigned depth,
                       json_t *object, struct error *err)
{
    json_t *key = NULL;
    json_t *value = NULL;
    int rc = 0;

    for (uint64_t i = 0; i < count && !rc; i++) {
        rc = next(t, depth + 1, &key, err);
        if (rc)
            break;
        if (!json_is_string(key) ||
            json_object_get(object, json_string_value(key)))
            rc = refuse(t->name, "has a key that is no text or is there twice",
                        err);
        if (!rc)
            rc = next(t, depth + 1, &value, err);
        if (!rc && json_object_set_new(object, json_string_value(key), value))
            rc = error_memory(err);
        json_decref(key);
    }
    return rc;
}

static int convert_text(struct to_json *t, const struct msgpack_item *item,
                        json_t **out, struct error *err)
{
    bool fits = false;
    int rc = msgpack_text(t->m, item, t->text, sizeof t->text, &fits, err);

    if (rc)
        return rc;
    *out = fits ? json_string(t->text) : NULL;
    return *out ? 0 : refuse(t->name, "holds a text that is not valid", err);
}

/* Containers first come empty, and are then filled. */
static json_t *convert_plain(const struct msgpack_item *item)
{
    switch (item->kind) {
    case MSGPACK_NIL:
        return json_null();
    case MSGPACK_BOOL:
        return json_boolean(item->value.boolean);
    case MSGPACK_UINT:
        return item->value.uint <= INT64_MAX
                   ? json_integer((json_int_t)item->value.uint)
                   : NULL;
    case MSGPACK_INT:
        return json_integer(item->value.sint);
    case MSGPACK_FLOAT:
        return json_real(item->value.real); /* NULL for infinities and NaN */
    case MSGPACK_ARRAY:
        return json_array();
    case MSGPACK_MAP:
        return json_object();
    case MSGPACK_BYTES:
    case MSGPACK_EXT:
        break;
    }
    return NULL;
}

static int convert(struct to_json *t, const struct msgpack_item *item,
                   unsigned depth, json_t **out, struct error *err)
{
    json_t *value;
    int rc = 0;

    if (++t->items > SPEC_MAX_ITEMS || depth > JSON_MAX_DEPTH)
        return refuse(t->name, "is too large", err);
    if (item->kind == MSGPACK_BYTES)
        return convert_text(t, item, out, err);
    value = convert_plain(item);
    if (!value)
        return refuse(t->name, "holds a value that does not belong there", err);
    if (item->kind == MSGPACK_ARRAY)
        rc = convert_list(t, item->count, depth, value, err);
    else if (item->kind == MSGPACK_MAP)
        rc = convert_map(t, item->count, depth, value, err);
    if (rc)
        json_decref(value);
    else
        *out = value;
    return rc;
}

/* One component: t5x writes dots for the slashes of the array's name. */
static int parse_path(const json_t *json, const char *name,
                      char path[static STORE_NAME_MAX + 1], struct error *err)
{
    const json_t *kvstore = json_object_get(json, "kvstore");
    const json_t *member = json_object_get(kvstore, "path");
    const char *text;
    size_t len;

    if (!member)
        member = json_object_get(json, "path");
    if (!json_is_object(kvstore) || !json_is_string(member))
        return refuse(name, "has no path", err);
    text = json_string_value(member);
    len = strlen(text);
    if (len > 0 && text[len - 1] == '/')
        len--;
    if (len <= STORE_NAME_MAX) {
        memcpy(path, text, len);
        path[len] = '\0';
        if (!strchr(path, '/') && store_check_name(path, NULL) == 0)
            return 0;
    }
    error_set(err, ERR_PATH,
              "array %.200s: its path '%.200s' leads out of the "
              "checkpoint",
              name, text);
    error_subject(err, "%s", name);
    error_expected(err, "the name of a folder beside the index");
    return error_actual(err, "%.150s", text);
}

/* A bound is a number, or a list of one number where it is implicit. */
static bool is_bound(const json_t *json, uint64_t want)
{
    if (json_is_array(json) && json_array_size(json) == 1)
        json = json_array_get(json, 0);
    return json_is_integer(json) && json_integer_value(json) >= 0 &&
           (uint64_t)json_integer_value(json) == want;
}

static bool are_bounds(const json_t *json, const uint64_t *dims, unsigned rank)
{
    static const uint64_t zeros[ARRAY_MAX_RANK];

    if (!json)
        return true;
    if (!dims)
        dims = zeros;
    if (json_array_size(json) != rank)
        return false;
    for (unsigned i = 0; i < rank; i++)
        if (!is_bound(json_array_get(json, i), dims[i]))
            return false;
    return true;
}

/* Only a transform that changes nothing: the whole domain, from 0. */
static int check_transform(const json_t *json, const char *name,
                           const struct zarr2_meta *m, struct error *err)
{
    const json_t *transform = json_object_get(json, "transform");
    const char *key;
    json_t *value;
    bool plain = true;

    if (!transform)
        return 0;
    json_object_foreach ((json_t *)(uintptr_t)transform, key, value)
        plain = plain && strncmp(key, "input_", 6) == 0;
    if (plain && json_is_object(transform) &&
        are_bounds(json_object_get(transform, "input_inclusive_min"), NULL,
                   m->rank) &&
        are_bounds(json_object_get(transform, "input_exclusive_max"), m->shape,
                   m->rank) &&
        are_bounds(json_object_get(transform, "input_shape"), m->shape,
                   m->rank))
        return 0;
    return refuse(name, "has a transform that is not the whole array", err);
}

static int parse_dtype(const json_t *json, const char *name, enum dtype *out,
                       struct error *err)
{
    const json_t *member = json_object_get(json, "dtype");
    const char *text = json_string_value(member);

    *out = text ? dtype_by_name(text, strlen(text)) : DTYPE_NONE;
    if (!member || *out != DTYPE_NONE)
        return 0;
    error_set(err, ERR_DTYPE,
              "array %s: its tensorstore spec has a dtype that "
              "is not known",
              name);
    error_subject(err, "%s", name);
    return error_actual(err, "%.100s", text ? text : "no text");
}

static int parse(const json_t *json, const char *name, struct spec *out,
                 struct error *err)
{
    const char *driver = json_string_value(json_object_get(json, "driver"));
    enum dtype dtype = DTYPE_NONE;
    int rc;

    if (!driver || strcmp(driver, "zarr") != 0) {
        error_set(err, ERR_FORMAT,
                  "array %s: its tensorstore spec has another "
                  "driver",
                  name);
        error_subject(err, "%s", name);
        error_expected(err, "zarr");
        return error_actual(err, "%.100s", driver ? driver : "none");
    }
    rc = parse_path(json, name, out->path, err);
    if (!rc)
        rc = parse_dtype(json, name, &dtype, err);
    if (!rc)
        rc = zarr2_parse(json_object_get(json, "metadata"), name, true, dtype,
                         &out->meta, err);
    if (rc)
        return rc;
    if (dtype != DTYPE_NONE && out->meta.dtype != dtype)
        return refuse(name, "states two dtypes", err);
    return check_transform(json, name, &out->meta, err);
}

int spec_read(struct msgpack *m, const struct msgpack_item *item,
              const char *name, struct spec *out, struct error *err)
{
    struct to_json t = { .m = m, .name = name };
    json_t *json = NULL;
    int rc = convert(&t, item, 1, &json, err);

    if (!rc)
        rc = parse(json, name, out, err);
    json_decref(json);
    return rc;
}
