/*
 * What a folder is.
 *
 * Layouts are told apart by the objects they always hold, asked for by name in
 * the order of a table: Orbax first, since old Orbax folders hold a file called
 * "checkpoint" too. Only a folder that is none of them is listed, to find the
 * steps of a model_dir, or the one folder that an archive was made of. All of
 * it goes through the store, so a bucket will do as well as a disk.
 */
#include "checkpoint/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "checkpoint/layout.h"
#include "checkpoint/t5x.h"

enum {
    LOCATE_LEVELS = 4,          /* folders looked into, one inside the other */
    LOCATE_MAX_STEPS = 1 << 20, /* of a model_dir */
    SNIFF_BYTES = 64,
};

#define ORBAX_HINT                                                             \
    "Orbax checkpoints are not supported; save or export it in the T5X format"
#define ZARR_HINT                                                              \
    "this is one array; name the checkpoint's folder, with its index file"
#define MODEL_HINT "this looks like a converted model already"

static const struct layout layouts[] = {
    { "manifest.ocdbt", "an Orbax checkpoint (OCDBT)", ORBAX_HINT, NULL },
    { "state/manifest.ocdbt", "an Orbax checkpoint", ORBAX_HINT, NULL },
    { "default/manifest.ocdbt", "an Orbax checkpoint", ORBAX_HINT, NULL },
    { "_METADATA", "an Orbax checkpoint", ORBAX_HINT, NULL },
    { "state/_METADATA", "an Orbax checkpoint", ORBAX_HINT, NULL },
    { "default/_METADATA", "an Orbax checkpoint", ORBAX_HINT, NULL },
    { "_CHECKPOINT_METADATA", "an Orbax checkpoint", ORBAX_HINT, NULL },
    { "checkpoint", "a T5X checkpoint", "", locate_open_index },
    { "state/checkpoint", "a T5X checkpoint", "", locate_open_index },
    { ".zarray", "a zarr array", ZARR_HINT, NULL },
    { "zarr.json", "a zarr 3 array or group", ZARR_HINT, NULL },
    { "model.safetensors", "a safetensors model", MODEL_HINT, NULL },
    { "model.safetensors.index.json", "a safetensors model", MODEL_HINT, NULL },
};

/* What an index file turns out to be when it is not msgpack. */
static const struct {
    size_t offset;
    const char *bytes;
    size_t len;
    const char *what;
    const char *hint;
} magics[] = {
    { 0, "model_checkpoint_path", 21,
      "the index of a TensorFlow 1 checkpoint (Mesh TensorFlow)",
      "only T5X checkpoints can be read; T5X's own scripts convert these" },
    { 8, "{\"", 2, "a safetensors file", MODEL_HINT },
    { 8, "{}", 2, "a safetensors file", MODEL_HINT },
    { 0, "\x1f\x8b", 2, "a gzip file", "unpack it first" },
    { 0, "\x28\xb5\x2f\xfd", 4, "a zstd file", "unpack it first" },
    { 0, "PK\x03\x04", 4, "a zip file", "unpack it first" },
    { 0, "version https://git-lfs", 23, "a Git LFS pointer",
      "fetch the file itself with git lfs pull" },
    { 0, "{", 1, "a JSON file", "name the checkpoint's folder instead" },
};

static int refuse_format(const char *name, const char *what, const char *hint,
                         struct error *err)
{
    error_set(err, ERR_FORMAT, "%.300s looks like %s", name, what);
    error_subject(err, "%s", name);
    error_expected(err, "a T5X checkpoint");
    error_actual(err, "%s", what);
    return error_hint(err, "%s", hint);
}

/* Whether head, the first len bytes of the object, begins a msgpack map. */
static int sniff(const char *name, const unsigned char *head, size_t len,
                 struct error *err)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (len >= magics[i].offset + magics[i].len &&
            !memcmp(head + magics[i].offset, magics[i].bytes, magics[i].len))
            return refuse_format(name, magics[i].what, magics[i].hint, err);
    if (len == 0) {
        error_set(err, ERR_INDEX, "%.300s is empty", name);
        error_subject(err, "%s", name);
        return error_hint(err, "copy the checkpoint again");
    }
    if ((head[0] & 0xf0) == 0x80 || head[0] == 0xde || head[0] == 0xdf)
        return 0;
    return refuse_format(name, "something other than a msgpack index",
                         "the file called checkpoint in a T5X checkpoint is "
                         "its index",
                         err);
}

int locate_open_index(struct checkpoint *c, const char *folder,
                      const char *object, struct error *err)
{
    unsigned char head[SNIFF_BYTES];
    char name[STORE_NAME_MAX + 1];
    uint64_t size = 0;
    size_t len = 0;
    int rc = layout_join(name, folder, object, err);

    if (!rc)
        rc = store_size(c->store, name, &size, err);
    if (!rc) {
        len = (size_t)num_min(size, sizeof head);
        rc = store_read(c->store, name, 0, head, len, err);
    }
    if (!rc)
        rc = sniff(name, head, len, err);
    return rc ? rc : t5x_open(c, folder, object, err);
}

static int exists(struct store *s, const char *folder, const char *name,
                  bool *yes, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    uint64_t size;
    int rc = layout_join(path, folder, name, err);

    if (!rc)
        rc = store_size(s, path, &size, err);
    *yes = rc == 0;
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* All marks are asked for; where that takes time, it is done at once. */
static void expect_marks(struct store *s, const char *folder)
{
    char path[STORE_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layout_join(path, folder, layouts[i].mark, NULL) == 0)
            store_soon(s, STORE_SOON_SIZE, path, 0, 0);
}

/* The layout of folder itself; NULL if it has none. */
static int layout_of(struct store *s, const char *folder,
                     const struct layout **out, struct error *err)
{
    bool yes = false;
    int rc = 0;

    *out = NULL;
    expect_marks(s, folder);
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts && !rc; i++) {
        rc = exists(s, folder, layouts[i].mark, &yes, err);
        if (!rc && yes) {
            *out = &layouts[i];
            return 0;
        }
    }
    return rc;
}

static bool is_number(const char *text, int64_t *number)
{
    size_t len = strlen(text);

    if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
        return false;
    *number = (int64_t)strtoll(text, NULL, 10);
    return true;
}

bool locate_step(const char *name, int64_t *step)
{
    static const char prefix[] = "checkpoint_";

    return !strncmp(name, prefix, sizeof prefix - 1) &&
           is_number(name + sizeof prefix - 1, step);
}

/* What the entries of a folder say. */
struct listing {
    struct step {
        int64_t number;
        bool t5x; /* called checkpoint_<digits>; Orbax leaves out the word */
        char *name;
    } * steps;
    size_t count;
    size_t cap;
    size_t t5x; /* how many of them are called so */
    size_t folders;
    bool arrays;     /* it has folders of arrays, as a checkpoint does */
    bool unfinished; /* it has folders that are still being written */
    char only[256];  /* a folder in it, of use if it is the only one */
};

static bool is_temporary(const char *name)
{
    return strstr(name, ".tmp-") || strstr(name, ".orbax-checkpoint-tmp");
}

static int add_step(struct listing *l, const char *name, int64_t number,
                    bool t5x, struct error *err)
{
    size_t cap = l->cap ? 2 * l->cap : 16;
    struct step *steps;
    char *copy;

    if (l->count == LOCATE_MAX_STEPS)
        return error_set(err, ERR_LIMIT, "there are too many steps");
    if (l->count == l->cap) {
        steps = reallocarray(l->steps, cap, sizeof *steps);
        if (!steps)
            return error_memory(err);
        l->steps = steps;
        l->cap = cap;
    }
    copy = strdup(name);
    if (!copy)
        return error_memory(err);
    l->steps[l->count++] = (struct step){ number, t5x, copy };
    l->t5x += t5x;
    return 0;
}

static int see_entry(void *ctx, const char *name, bool is_folder,
                     struct error *err)
{
    struct listing *l = ctx;
    int64_t number = 0;

    if (!is_folder || name[0] == '.' || !strcmp(name, "__MACOSX"))
        return 0;
    if (is_temporary(name)) {
        l->unfinished = true;
        return 0;
    }
    if (!strncmp(name, "target.", 7) || !strncmp(name, "state.", 6))
        l->arrays = true;
    l->folders++;
    if (strlen(name) < sizeof l->only)
        memcpy(l->only, name, strlen(name) + 1);
    if (locate_step(name, &number))
        return add_step(l, name, number, true, err);
    return is_number(name, &number) ? add_step(l, name, number, false, err) : 0;
}

static void listing_done(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->steps[i].name);
    free(l->steps);
}

/* Highest number first. */
static int by_number(const void *a, const void *b)
{
    const struct step *x = a;
    const struct step *y = b;

    if (x->number != y->number)
        return x->number < y->number ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* The latest step with a layout into found; *layout is NULL if none has. */
static int latest_step(struct checkpoint *c, struct listing *l,
                       const char *folder, char *found,
                       const struct layout **layout, struct error *err)
{
    char path[STORE_NAME_MAX + 1];
    int rc = 0;

    *layout = NULL;
    if (l->count > 0)
        qsort(l->steps, l->count, sizeof *l->steps, by_number);
    for (size_t i = 0; i < l->count && !rc && !*layout; i++) {
        rc = layout_join(path, folder, l->steps[i].name, err);
        if (!rc)
            rc = layout_of(c->store, path, layout, err);
        if (!rc && !*layout && l->steps[i].t5x)
            rc = layout_warn(c, err,
                             "%s is not finished, it has no index; "
                             "passed over",
                             l->steps[i].name);
    }
    if (!rc && *layout)
        memcpy(found, path, strlen(path) + 1);
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

    if (l->arrays || l->unfinished || l->t5x > 0 || is_temporary(name) ||
        locate_step(name, &step)) {
        error_set(err, ERR_UNFINISHED,
                  "%.300s holds no index, the file called "
                  "checkpoint",
                  shown);
        error_subject(err, "%s", shown);
        return error_hint(err, "the checkpoint is still being written or "
                               "copied, or that was broken off");
    }
    error_set(err, ERR_FORMAT, "%.300s holds no checkpoint", shown);
    error_subject(err, "%s", shown);
    error_expected(err, "a T5X checkpoint");
    return error_hint(err, "name the folder with the file called checkpoint, "
                           "or the folder of its steps");
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

    if (rc || *layout)
        return rc;
    memcpy(folder, found, strlen(found) + 1);
    rc = store_list(c->store, folder, see_entry, &l, err);
    if (!rc)
        rc = latest_step(c, &l, folder, found, layout, err);
    if (!rc && !*layout) {
        if (last || l.arrays || l.folders != 1 || l.t5x > 0 || !*l.only)
            rc = nothing_found(c, folder, &l, err);
        else
            rc = layout_join(found, folder, l.only, err);
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
    if (!rc && is_temporary(folder_name(c, found)))
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
    char part[32];
    int rc;

    if (!layout->open)
        return refuse_format(*folder ? folder : c->store->label, layout->what,
                             layout->hint, err);
    snprintf(part, sizeof part, "%.*s", slash ? (int)(slash - layout->mark) : 0,
             layout->mark);
    rc = layout_join(inner, folder, part, err);
    return rc ? rc : layout->open(c, inner, object, err);
}
