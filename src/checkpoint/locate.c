/*
 * What a folder is.
 *
 * Layouts are told apart by the objects they always hold, asked for by name in
 * the order of a table. A "checkpoint" comes first, which old Orbax folders
 * hold too: it is an index of the same kind there, and what it refers to shows
 * which one it is. "state" and "default" are where t5x and Orbax's manager keep
 * what they save. Only a folder that is none of them is listed, to find the
 * steps of a model_dir, items of other names, or the one folder that an archive
 * was made of. All of it goes through the store, so a bucket will do as well as
 * a disk.
 */
#include "checkpoint/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/layout.h"
#include "checkpoint/listing.h"
#include "checkpoint/orbax.h"
#include "checkpoint/sniff.h"
#include "checkpoint/t5x.h"

enum {
    LOCATE_LEVELS = 4, /* folders looked into, one inside the other */
};

#define T5X_INDEX "checkpoint"
#define T5X "a T5X checkpoint"
#define ORBAX "an Orbax checkpoint"
#define ZARR_HINT                                                              \
    "this is one array; name the checkpoint's folder, with its index file"

static const struct layout layouts[] = {
    { T5X_INDEX, T5X, "", locate_open_index },
    { "manifest.ocdbt", ORBAX, "", orbax_open },
    { "_METADATA", ORBAX, "", orbax_open },
    { "state/checkpoint", T5X, "", locate_open_index },
    { "state/manifest.ocdbt", ORBAX, "", orbax_open },
    { "state/_METADATA", ORBAX, "", orbax_open },
    { "default/checkpoint", T5X, "", locate_open_index },
    { "default/manifest.ocdbt", ORBAX, "", orbax_open },
    { "default/_METADATA", ORBAX, "", orbax_open },
    { ".zarray", "a zarr array", ZARR_HINT, NULL },
    { "zarr.json", "a zarr 3 array or group", ZARR_HINT, NULL },
    { "model.safetensors", "a safetensors model", SNIFF_MODEL_HINT, NULL },
    { "model.safetensors.index.json", "a safetensors model", SNIFF_MODEL_HINT,
      NULL },
};

int locate_open_index(struct checkpoint *c, const char *folder,
                      const char *object, struct error *err)
{
    char name[STORE_NAME_MAX + 1];
    int rc = layout_join(name, folder, object, err);

    if (!rc)
        rc = sniff_index(c->store, name, err);
    return rc ? rc : t5x_open(c, folder, object, err);
}

/* All marks are asked for; where that takes time, it is done at once. */
static void expect_marks(struct store *s, const char *folder)
{
    char path[STORE_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layout_join(path, folder, layouts[i].mark, NULL) == 0)
            store_soon(s, STORE_SOON_SIZE, path, 0, 0);
}

bool locate_is_mark(const char *name)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].open && !strcmp(layouts[i].mark, name))
            return true;
    return false;
}

/*
 * The layout of folder itself; NULL if it has none.
 *
 * Clouds that let one read a bucket but not list it say of what is not there
 * that it may not be read. So a refusal counts only where no mark is found.
 */
static int layout_of(struct store *s, const char *folder,
                     const struct layout **out, struct error *err)
{
    struct error refused = { .code = ERR_OK };
    struct error failure;
    bool yes = false;
    int rc = 0;

    *out = NULL;
    expect_marks(s, folder);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts && !rc; i++) {
        rc = layout_exists(s, folder, layouts[i].mark, &yes, &failure);
        if (!rc && yes) {
            *out = &layouts[i];
            return 0;
        }
        if (rc == ERR_SOURCE_DENIED) {
            refused = failure;
            rc = 0;
        }
    }
    if (!rc && refused.code == ERR_OK)
        return 0;
    if (err)
        *err = rc ? failure : refused;
    return rc ? rc : (int)refused.code;
}

static int several(const char *folder, const char *label, const char *one,
                   const char *other, struct error *err)
{
    const char *shown = *folder ? folder : label;

    error_set(err, ERR_FORMAT, "%.300s holds more than one checkpoint", shown);
    error_subject(err, "%s", shown);
    error_expected(err, "one");
    error_actual(err, "%s, %s", one, other);
    return error_hint(err, "name one of them");
}

/* The only folder in it that can be opened, into found. */
static int only_item(struct checkpoint *c, const struct listing *l,
                     const char *folder, char *found,
                     const struct layout **layout, struct error *err)
{
    const struct layout *other = NULL;
    char path[STORE_NAME_MAX + 1];
    size_t first = 0;
    int rc = 0;

    *layout = NULL;
    if (l->arrays || l->folders > LISTING_MAX_ITEMS)
        return 0;
    for (size_t i = 0; i < l->folders && !rc; i++) {
        if (!l->items[i][0])
            continue;
        rc = layout_join(path, folder, l->items[i], err);
        if (!rc)
            rc = layout_of(c->store, path, &other, err);
        if (rc || !other || !other->open)
            continue;
        if (*layout)
            return several(folder, c->store->label, l->items[first],
                           l->items[i], err);
        *layout = other;
        first = i;
        memcpy(found, path, strlen(path) + 1);
    }
    return rc;
}

/* The layout of a step, or of the item in it; *at is the folder it is in. */
static int step_layout(struct checkpoint *c, const char *step,
                       char at[static STORE_NAME_MAX + 1],
                       const struct layout **layout, struct error *err)
{
    struct listing l = { 0 };
    int rc = layout_of(c->store, step, layout, err);

    memcpy(at, step, strlen(step) + 1);
    if (rc || *layout)
        return rc;
    rc = store_list(c->store, step, listing_see, &l, err);
    if (!rc)
        rc = only_item(c, &l, step, at, layout, err);
    listing_done(&l);
    return rc;
}

/* Whether to pass a step over; *layout is NULL then, and a warning given. */
static int check_step(struct checkpoint *c, const struct listing_step *step,
                      const char *path, const struct layout **layout,
                      struct error *err)
{
    bool unfinished = false;
    int rc = 0;

    if (!*layout)
        return step->t5x ? layout_warn(c, err,
                                       "%s is not finished, it has no index; "
                                       "passed over",
                                       step->name)
                         : 0;
    if (!(*layout)->open && !step->t5x) {
        *layout = NULL;
        return 0;
    }
    if (strcmp((*layout)->mark, T5X_INDEX) != 0)
        rc = orbax_unfinished(c->store, path, &unfinished, err);
    if (rc || !unfinished)
        return rc;
    *layout = NULL;
    return layout_warn(c, err,
                       "%s is not finished, by Orbax's own marks; passed over",
                       step->name);
}

/* A step that is a file: the index, called as the folder would be. */
static int open_step_file(struct checkpoint *c, const char *path,
                          const char *mark, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char folder[STORE_NAME_MAX + 1] = "";

    (void)mark;
    if (slash)
        memcpy(folder, path, (size_t)(slash - path));
    return locate_open_index(c, folder, slash ? slash + 1 : path, err);
}

static const struct layout step_file = { T5X_INDEX, "a flax checkpoint", "",
                                         open_step_file };

/* The latest step with a layout into found; *layout is NULL if none has. */
static int latest_step(struct checkpoint *c, struct listing *l,
                       const char *folder, char *found,
                       const struct layout **layout, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    char at[STORE_NAME_MAX + 1];
    int rc = 0;

    *layout = NULL;
    listing_sort(l);
    for (size_t i = 0; i < l->count && !rc && !*layout; i++) {
        rc = layout_join(path, folder, l->steps[i].name, err);
        if (!rc && l->steps[i].file) {
            *layout = &step_file;
            c->step = l->steps[i].number;
            memcpy(at, path, strlen(path) + 1);
            break;
        }
        if (!rc)
            rc = step_layout(c, path, at, layout, err);
        if (!rc)
            rc = check_step(c, &l->steps[i], path, layout, err);
        if (!rc && *layout)
            c->step = l->steps[i].number;
    }
    if (!rc && *layout)
        memcpy(found, at, strlen(at) + 1);
    return rc;
}

/* The last component of what the user sees of the folder. */
static const char *folder_name(const struct checkpoint *c, const char *folder)
{
    const char *whole = *folder ? folder : c->store->label;
    const char *slash = strrchr(whole, '/');

    return slash ? slash + 1 : whole;
}

static int nothing_found(const struct checkpoint *c, const char *folder,
                         const struct listing *l, struct error *err)
{
    const char *name = folder_name(c, folder);
    const char *shown = *folder ? folder : c->store->label;
    int64_t step;

    if (l->arrays || l->unfinished || l->t5x > 0 ||
        listing_is_temporary(name) || listing_is_step(name, &step)) {
        error_set(err, ERR_UNFINISHED,
                  "%.300s holds no index, a file called checkpoint or "
                  "_METADATA",
                  shown);
        error_subject(err, "%s", shown);
        return error_hint(err, "the checkpoint is still being written or "
                               "copied, or that was broken off");
    }
    error_set(err, ERR_FORMAT, "%.300s holds no checkpoint", shown);
    error_subject(err, "%s", shown);
    error_expected(err, "a T5X or Orbax checkpoint");
    return error_hint(err, "name the folder with the file called checkpoint, "
                           "_METADATA or manifest.ocdbt, or the folder of its "
                           "steps");
}

/* The user named the folder, so it is read; but not without a word. */
static int warn_unfinished(struct checkpoint *c, const char *folder,
                           const struct layout *layout, struct error *err)
{
    bool unfinished = false;
    int rc = 0;

    if (layout->open && strcmp(layout->mark, T5X_INDEX) != 0)
        rc = orbax_unfinished(c->store, folder, &unfinished, err);
    if (rc || !unfinished)
        return rc;
    return layout_warn(c, err,
                       "%s is not finished, by Orbax's own marks: it may still "
                       "be written to",
                       folder_name(c, folder));
}

/*
 * One level: *layout is set where the search ends here; otherwise found has
 * become the folder to look at next.
 */
static int look(struct checkpoint *c, char *found, bool last,
                const struct layout **layout, struct error *err)
{
    char folder[STORE_NAME_MAX + 1];
    struct listing l = { 0 };
    int rc = layout_of(c->store, found, layout, err);

    if (rc)
        return rc;
    if (*layout)
        return warn_unfinished(c, found, *layout, err);
    memcpy(folder, found, strlen(found) + 1);
    rc = store_list(c->store, folder, listing_see, &l, err);
    if (!rc)
        rc = latest_step(c, &l, folder, found, layout, err);
    if (!rc && !*layout && l.t5x == 0)
        rc = only_item(c, &l, folder, found, layout, err);
    if (!rc && !*layout) {
        if (last || l.arrays || l.folders != 1 || l.t5x > 0 || !l.items[0][0])
            rc = nothing_found(c, folder, &l, err);
        else
            rc = layout_join(found, folder, l.items[0], err);
    }
    listing_done(&l);
    return rc;
}

int locate_checkpoint(struct checkpoint *c, const char *folder,
                      char found[static STORE_NAME_MAX + 1],
                      const struct layout **layout, struct error *err)
{
    int rc = layout_join(found, "", folder, err);

    *layout = NULL;
    for (unsigned i = 0; i < LOCATE_LEVELS && !rc && !*layout; i++)
        rc = look(c, found, i + 1 == LOCATE_LEVELS, layout, err);
    if (!rc && listing_is_temporary(folder_name(c, found)))
        rc = layout_warn(c, err,
                         "%s has the name of a checkpoint that is "
                         "still being written",
                         folder_name(c, found));
    return rc;
}

int locate_open(struct checkpoint *c, const char *folder,
                const struct layout *layout, struct error *err)
{
    const char *slash = strrchr(layout->mark, '/');
    const char *object = slash ? slash + 1 : layout->mark;
    char inner[STORE_NAME_MAX + 1];
    char index[STORE_NAME_MAX + 1];
    char part[32];
    int rc;

    if (!layout->open)
        return sniff_refuse(*folder ? folder : c->store->label, layout->what,
                            layout->hint, err);
    snprintf(part, sizeof part, "%.*s", slash ? (int)(slash - layout->mark) : 0,
             layout->mark);
    rc = layout_join(inner, folder, part, err);
    if (!rc)
        rc = layout_join(index, inner, object, err);
    if (rc)
        return rc;
    free(c->index);
    c->index = strdup(index);
    return c->index ? layout->open(c, inner, object, err) : error_memory(err);
}
