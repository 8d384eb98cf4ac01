/*
 * Opening checkpoints, and keeping their arrays.
 *
 * A path becomes a store and a folder inside it; the rest is the same for a
 * disk, an unpacked upload or a bucket. See locate.c for how the folder's kind
 * is found, t5x.c and orbax.c for what is in it.
 */
#include "checkpoint/checkpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "checkpoint/layout.h"
#include "checkpoint/listing.h"
#include "checkpoint/locate.h"

enum { WARNING_MAX = 1024 };

/* Doubles where count has filled a power of two; count starts at 0. */
static void *grow(void *items, size_t count, size_t size)
{
    if (count & (count - 1))
        return items;
    return reallocarray(items, count ? 2 * count : 1, size);
}

int layout_add(struct checkpoint *c, struct array *steal, struct error *err)
{
    struct array **arrays = grow(c->arrays, c->count, sizeof *arrays);

    if (!arrays) {
        array_free(steal);
        return error_memory(err);
    }
    c->arrays = arrays;
    c->arrays[c->count++] = steal;
    return 0;
}

int layout_warn(struct checkpoint *c, struct error *err, const char *fmt, ...)
{
    char **warnings = grow(c->warnings, c->warning_count, sizeof *warnings);
    char text[WARNING_MAX];
    char *copy;
    va_list args;

    if (!warnings)
        return error_memory(err);
    c->warnings = warnings;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    copy = strdup(text);
    if (!copy)
        return error_memory(err);
    c->warnings[c->warning_count++] = copy;
    return 0;
}

int layout_join(char path[static STORE_NAME_MAX + 1], const char *folder,
                const char *name, struct error *err)
{
    const char *slash = *folder && *name ? "/" : "";
    int n = snprintf(path, STORE_NAME_MAX + 1, "%s%s%s", folder, slash, name);

    if (n >= 0 && n <= STORE_NAME_MAX)
        return 0;
    error_set(err, ERR_PATH, "the path of %.200s is too long", name);
    return error_subject(err, "%s", name);
}

int layout_exists(struct store *s, const char *folder, const char *name,
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

static int compare_arrays(const void *a, const void *b)
{
    return strcmp((*(const struct array *const *)a)->name,
                  (*(const struct array *const *)b)->name);
}

static int sort_arrays(struct checkpoint *c, struct error *err)
{
    if (c->count > 1)
        qsort(c->arrays, c->count, sizeof *c->arrays, compare_arrays);
    for (size_t i = 1; i < c->count; i++) {
        if (strcmp(c->arrays[i - 1]->name, c->arrays[i]->name) != 0)
            continue;
        error_set(err, ERR_INDEX, "array %s is there twice",
                  c->arrays[i]->name);
        return error_subject(err, "%s", c->arrays[i]->name);
    }
    return 0;
}

/* "label/name" or "label", which may end in slashes. */
static char *join_label(const char *label, const char *name)
{
    size_t len = strlen(label);
    char *path;

    while (len > 1 && label[len - 1] == '/')
        len--;
    if (asprintf(&path, "%.*s%s%s", (int)len, label, *name ? "/" : "", name) <
        0)
        return NULL;
    return path;
}

static int checkpoint_new(struct store *steal, struct checkpoint **out,
                          struct error *err)
{
    struct checkpoint *c = calloc(1, sizeof *c);

    if (!c) {
        store_free(steal);
        return error_memory(err);
    }
    c->store = steal;
    c->step = -1;
    *out = c;
    return 0;
}

/* What follows opening: the path, the step that it tells, sorted names. */
static int finish(struct checkpoint *c, const char *place, struct error *err)
{
    const char *slash;
    int64_t step = -1;

    c->path = join_label(c->store->label, place);
    if (!c->path)
        return error_memory(err);
    slash = strrchr(c->path, '/');
    if (c->step < 0 && listing_is_step(slash ? slash + 1 : c->path, &step))
        c->step = step;
    return sort_arrays(c, err);
}

static int open_folder(struct checkpoint *c, const char *folder,
                       struct error *err)
{
    const struct layout *layout = NULL;
    char found[STORE_NAME_MAX + 1];
    int rc = locate_checkpoint(c, folder, found, &layout, err);

    if (!rc)
        rc = locate_open(c, found, layout, err);
    return rc ? rc : finish(c, found, err);
}

/* path is an object and no folder: an index, by a known name or any other. */
static int open_object(struct checkpoint *c, const char *path,
                       struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    const char *name = slash ? slash + 1 : path;
    char folder[STORE_NAME_MAX + 1];
    int rc;

    memcpy(folder, path, len);
    folder[len] = '\0';
    if (locate_is_mark(name))
        return open_folder(c, folder, err);
    rc = locate_open_index(c, folder, name, err);
    return rc ? rc : finish(c, path, err);
}

/* open is one of the two above. */
static int open_steal(struct store *store, const char *path,
                      int (*open)(struct checkpoint *, const char *,
                                  struct error *),
                      struct checkpoint **out, struct error *err)
{
    struct checkpoint *c = NULL;
    int rc = checkpoint_new(store, &c, err);

    if (rc)
        return rc;
    rc = open(c, path, err);
    if (rc)
        checkpoint_free(c);
    else
        *out = c;
    return rc;
}

int checkpoint_open_steal(struct store *store, const char *path,
                          struct checkpoint **out, struct error *err)
{
    uint64_t size;
    bool is_object = *path && store_size(store, path, &size, NULL) == 0;

    return open_steal(store, path, is_object ? open_object : open_folder, out,
                      err);
}

int checkpoint_open_path(const char *path, struct checkpoint **out,
                         struct error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    struct store *store = NULL;
    struct stat st;
    char *folder;
    int rc;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = store_local_open(path, &store, err);
        return rc ? rc : checkpoint_open_steal(store, "", out, err);
    }
    folder = slash == path ? strdup("/")
             : slash       ? strndup(path, (size_t)(slash - path))
                           : strdup(".");
    if (!folder)
        return error_memory(err);
    rc = store_local_open(folder, &store, err);
    free(folder);
    if (rc)
        return rc;
    return open_steal(store, name, open_object, out, err);
}

const struct array *checkpoint_find(const struct checkpoint *c,
                                    const char *name)
{
    const struct array key = { .name = (char *)(uintptr_t)name };
    const struct array *wanted = &key;
    struct array **found;

    if (c->count == 0)
        return NULL;
    found = bsearch(&wanted, c->arrays, c->count, sizeof *c->arrays,
                    compare_arrays);
    return found ? *found : NULL;
}

void checkpoint_free(struct checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        array_free(c->arrays[i]);
    for (size_t i = 0; i < c->warning_count; i++)
        free(c->warnings[i]);
    free(c->arrays);
    free(c->warnings);
    free(c->path);
    free(c->index);
    store_free(c->database);
    store_free(c->store);
    free(c);
}
