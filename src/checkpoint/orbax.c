/*
 * Orbax checkpoints.
 *
 * Where arrays are is one question: a database, if the folder has one, or else
 * the folder itself; zarr.c reads both alike, since a database is a store. What
 * they are called is the other one, and the index tells. The msgpack index is
 * read by t5x.c, which asks here for the arrays that it refers to; it goes
 * before _METADATA, which versions that wrote both kept beside it, since small
 * arrays may stand in it.
 *
 * Of the optimizer's state nothing but the step is read.
 */
#include "checkpoint/orbax.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "checkpoint/layout.h"
#include "checkpoint/orbax_index.h"
#include "checkpoint/zarr.h"
#include "store/ocdbt.h"

enum {
    METADATA_MAX_BYTES = 16 << 20, /* 50,000 leaves, 260 MB when parsed */
    STEP_BYTES = 8,
    SOON = 128, /* arrays whose metadata is asked for at once */
};

/* What one process of several leaves behind before the last one merges them. */
static const char process_manifest[] = "ocdbt.process_0/" OCDBT_MANIFEST;

/* Opens the folder's database, if it has one and that is not known yet. */
static int find_database(struct checkpoint *c, const char *folder,
                         struct error *err)
{
    bool yes = false;
    int rc;

    if (c->database_sought)
        return 0;
    rc = layout_exists(c->store, folder, OCDBT_MANIFEST, &yes, err);
    if (!rc && yes)
        rc = ocdbt_open(c->store, folder, &c->database, err);
    c->database_sought = rc == 0;
    c->format = c->database ? "orbax-ocdbt" : "orbax";
    return rc;
}

const char *orbax_placeholder(const char *text)
{
    static const char *const prefixes[] = { "PLACEHOLDER://", "AGGREGATED://" };

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(text, prefixes[i], strlen(prefixes[i])))
            return text + strlen(prefixes[i]);
    return NULL;
}

static int unmerged(const char *folder, const char *label, struct error *err)
{
    error_set(err, ERR_UNFINISHED,
              "%.300s holds the data of each process, but no %s of them all",
              *folder ? folder : label, OCDBT_MANIFEST);
    error_subject(err, "%s", *folder ? folder : label);
    return error_hint(err, "Orbax had not finished writing it, or it was not "
                           "copied whole");
}

static int open_array(struct checkpoint *c, const char *folder,
                      const char *param, const char *name, struct array **out,
                      struct error *err)
{
    struct error cause;
    char path[STORE_NAME_MAX + 1];
    bool yes = false;
    int rc = find_database(c, folder, err);

    if (rc)
        return rc;
    rc = store_check_name(param, err);
    if (!rc && c->database)
        return zarr_open(c->database, param, name, out, err);
    if (!rc)
        rc = layout_join(path, folder, param, err);
    if (!rc)
        rc = zarr_open(c->store, path, name, out, err);
    if (rc == ERR_METADATA &&
        !layout_exists(c->store, folder, process_manifest, &yes, &cause) && yes)
        return unmerged(folder, c->store->label, err);
    return rc;
}

int orbax_soon(struct checkpoint *c, const char *folder, const char *param,
               bool zarr3, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    int rc = find_database(c, folder, err);

    if (rc)
        return rc;
    if (c->database)
        zarr_soon_meta(c->database, param, true);
    else if (!layout_join(path, folder, param, NULL))
        zarr_soon_meta(c->store, path, zarr3);
    return 0;
}

int orbax_add(struct checkpoint *c, const char *folder, const char *param,
              const char *name, struct error *err)
{
    struct array *a = NULL;
    int rc = open_array(c, folder, param, name, &a, err);

    return rc ? rc : layout_add(c, a, err);
}

/* The number in an array of one whole number; -1 for others. */
static int read_number(const struct array *a, int64_t *out, struct error *err)
{
    struct scratch *s = NULL;
    const void *data = NULL;
    int32_t half;
    int rc = 0;

    *out = -1;
    if (array_bytes(a) > STEP_BYTES || array_elements(a) != 1 ||
        (a->dtype != DTYPE_I32 && a->dtype != DTYPE_I64))
        return 0;
    rc = scratch_new(&s, err);
    if (!rc)
        rc = array_read_chunk(a, 0, ARRAY_MISSING_ERROR, s, &data, NULL, err);
    if (!rc && a->dtype == DTYPE_I64)
        memcpy(out, data, sizeof *out);
    if (!rc && a->dtype == DTYPE_I32) {
        memcpy(&half, data, sizeof half);
        *out = half;
    }
    scratch_free(s);
    return rc;
}

int orbax_read_step(struct checkpoint *c, const char *folder, const char *param,
                    struct error *err)
{
    struct array *a = NULL;
    int64_t step = -1;
    int rc = open_array(c, folder, param, "step", &a, err);

    /* It is the optimizer's, whose state those leave out who copy a model. */
    if (rc == ERR_METADATA)
        return 0;
    if (!rc)
        rc = read_number(a, &step, err);
    if (!rc)
        c->step = step < 0 ? -1 : step;
    array_free(a);
    return rc;
}

/* The step is where t5x and flax keep it, if it is kept at all. */
static int find_step(struct checkpoint *c, const char *folder,
                     const struct orbax_index *x, struct error *err)
{
    static const char *const paths[] = { "optimizer/state/step",
                                         "_optimizer/state/step", "state/step",
                                         "step" };
    const struct orbax_leaf *leaf = NULL;

    for (size_t i = 0; !leaf && i < sizeof paths / sizeof *paths; i++)
        leaf = orbax_index_find(x, paths[i]);
    return leaf ? orbax_read_step(c, folder, leaf->param, err) : 0;
}

static int add_all(struct checkpoint *c, const char *folder,
                   const struct orbax_index *x, struct error *err)
{
    char root[64];
    size_t skip = orbax_index_root(x, root, sizeof root);
    size_t soon = 0;
    int rc = find_step(c, folder, x, err);

    for (size_t i = 0; i < x->count && !rc; i++) {
        for (; soon < x->count && soon < i + SOON && !rc; soon++)
            if (!strncmp(x->leaves[soon].path, root, skip))
                rc =
                    orbax_soon(c, folder, x->leaves[soon].param, x->zarr3, err);
        if (!rc && !strncmp(x->leaves[i].path, root, skip))
            rc = orbax_add(c, folder, x->leaves[i].param,
                           x->leaves[i].path + skip, err);
    }
    return rc;
}

/* Copies may lose files; a database tells its arrays by itself. */
static int guess_index(struct checkpoint *c, struct orbax_index *x,
                       struct error *err)
{
    int rc = orbax_index_guess(c->database, x, err);

    return rc ? rc
              : layout_warn(c, err,
                            "there is no _METADATA; the tree is guessed from "
                            "the names of the arrays");
}

/* The index, or what can be told without one. */
static int read_index(struct checkpoint *c, const char *folder,
                      struct orbax_index *x, struct error *err)
{
    struct buf text = BUF_INIT(METADATA_MAX_BYTES);
    char path[STORE_NAME_MAX + 1];
    int rc = layout_join(path, folder, "_METADATA", err);

    if (!rc)
        rc = store_get(c->store, path, METADATA_MAX_BYTES, &text, err);
    if (!rc)
        rc = orbax_index_read(text.data, text.len, path, x, err);
    else if (rc == ERR_NOT_FOUND && c->database)
        rc = guess_index(c, x, err);
    buf_done(&text);
    return rc;
}

int orbax_open(struct checkpoint *c, const char *folder, const char *mark,
               struct error *err)
{
    struct orbax_index x = { 0 };
    int rc = find_database(c, folder, err);

    (void)mark;
    if (!rc)
        rc = read_index(c, folder, &x, err);
    if (!rc)
        rc = add_all(c, folder, &x, err);
    orbax_index_done(&x);
    return rc;
}

/*
 * Orbax notes in _CHECKPOINT_METADATA when it has finished (0.5.23 and later),
 * and writes commit_success.txt into buckets, where folders can't be renamed.
 */
int orbax_unfinished(struct store *store, const char *folder, bool *yes,
                     struct error *err)
{
    struct buf text = BUF_INIT(1 << 20);
    char path[STORE_NAME_MAX + 1];
    json_t *json = NULL;
    const json_t *commit;
    bool marked = true;
    int rc = layout_join(path, folder, "_CHECKPOINT_METADATA", err);

    *yes = false;
    if (!rc)
        rc = store_get(store, path, text.max, &text, err);
    if (!rc)
        rc = json_read(text.data, text.len, path, ERR_INDEX, &json, err);
    if (!rc) {
        commit = json_object_get(json, "commit_timestamp_nsecs");
        *yes = json_is_null(commit);
    } else if (rc == ERR_NOT_FOUND || rc == ERR_INDEX) {
        *yes = rc == ERR_INDEX; /* Orbax had not come to its end */
        rc = 0;
    }
    json_decref(json);
    buf_done(&text);
    if (!rc && !*yes && !strncmp(store->label, "gs://", 5)) {
        rc = layout_exists(store, folder, "commit_success.txt", &marked, err);
        *yes = !rc && !marked;
    }
    return rc;
}
