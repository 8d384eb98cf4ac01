/*
 * Extension points of zarr 3: data types, chunk grids, chunk keys, codecs.
 *
 * Each is a name with a configuration, or the name alone. A reader that does
 * not know one, or a parameter of it, would read other elements than were
 * written, so those are refused by name.
 */
#include "checkpoint/zarr3_named.h"

#include <string.h>

#include "checkpoint/zarr_impl.h"

int zarr3_unknown(const char *array, const char *what, const char *name,
                  const char *known, struct error *err)
{
    error_set(err, ERR_FORMAT,
              "array %.200s: its zarr metadata has a %s that is not known: "
              "'%.60s'",
              array, what, name);
    error_subject(err, "%s", array);
    error_expected(err, "%s", known);
    return error_actual(err, "%.100s", name);
}

int zarr3_members(const char *array, const char *what, const json_t *json,
                  const char *const *known, struct error *err)
{
    const char *key;
    json_t *value;
    bool found;

    json_object_foreach ((json_t *)(uintptr_t)json, key, value) {
        found = false;
        for (const char *const *k = known; **k && !found; k++)
            found = !strcmp(*k, key);
        if (!found)
            return zarr3_unknown(array, what, key, "no such member", err);
    }
    return 0;
}

int zarr3_named_read(const json_t *json, const char *array, const char *what,
                     struct zarr3_named *out, struct error *err)
{
    static const char *const members[] = { "name", "configuration",
                                           "must_understand", "" };
    const json_t *name =
        json_is_string(json) ? json : json_object_get(json, "name");
    const json_t *config = json_object_get(json, "configuration");

    if (!json_is_string(name) || (config && !json_is_object(config))) {
        error_set(err, ERR_METADATA,
                  "array %.200s: its zarr metadata has no valid %s", array,
                  what);
        error_subject(err, "%s", array);
        return error_expected(err, "a name and a configuration");
    }
    *out = (struct zarr3_named){ json_string_value(name), config };
    return zarr3_members(array, what, json, members, err);
}
