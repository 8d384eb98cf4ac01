/*
 * Which version an array's folder is of.
 */
#include "checkpoint/zarr.h"

#include "checkpoint/zarr2.h"
#include "checkpoint/zarr3.h"
#include "checkpoint/zarr_impl.h"

int zarr_open(struct store *store, const char *folder, const char *name,
              struct array **out, struct error *err)
{
    bool absent = false;
    int rc = zarr2_open(store, folder, name, NULL, out, &absent, err);

    if (!absent)
        return rc;
    rc = zarr3_open(store, folder, name, out, &absent, err);
    if (!absent)
        return rc;
    error_set(err, ERR_METADATA, "array %.200s: %.200s is no zarr array", name,
              *folder ? folder : store->label);
    error_subject(err, "%s", name);
    return error_expected(err, "a file called .zarray or zarr.json");
}

void zarr_soon_meta(struct store *store, const char *folder, bool zarr3)
{
    static const char *const files[] = { ".zarray", "zarr.json" };
    char object[STORE_NAME_MAX + 1];

    for (size_t i = 0; i < (zarr3 ? 2 : 1); i++)
        if (!zarr_join(object, folder, files[i], "", NULL))
            store_soon(store, STORE_SOON_GET, object, 0, ZARR_META_BYTES_USUAL);
}
