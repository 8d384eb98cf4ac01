/*
 * The store's front door: every name is checked here, once, before any
 * implementation sees it.
 */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_dots(const char *component, size_t len)
{
    return (len == 1 && component[0] == '.') ||
           (len == 2 && component[0] == '.' && component[1] == '.');
}

int store_check_name(const char *name, struct error *err)
{
    const char *component = name;
    size_t len;

    if (strlen(name) > STORE_NAME_MAX)
        goto refuse;
    for (int depth = 0; depth < STORE_DEPTH_MAX; depth++) {
        len = strcspn(component, "/");
        if (len == 0 || is_dots(component, len))
            goto refuse;
        if (!component[len])
            return 0;
        component += len + 1;
    }
refuse:
    error_set(err, ERR_PATH, "'%.200s' is not a path inside its folder", name);
    error_subject(err, "%.200s", name);
    return error_expected(err,
                          "a relative path without '.' or '..', "
                          "of at most %d components",
                          STORE_DEPTH_MAX);
}

int store_size(struct store *s, const char *name, uint64_t *size,
               struct error *err)
{
    int rc = store_check_name(name, err);

    return rc ? rc : s->ops->size(s, name, size, err);
}

int store_read(struct store *s, const char *name, uint64_t offset, void *dst,
               size_t len, struct error *err)
{
    int rc = store_check_name(name, err);

    return rc ? rc : s->ops->read(s, name, offset, dst, len, err);
}

int store_get(struct store *s, const char *name, uint64_t max, struct buf *b,
              struct error *err)
{
    int rc = store_check_name(name, err);

    return rc ? rc : s->ops->get(s, name, max, b, err);
}

int store_list(struct store *s, const char *folder, store_entry_fn fn,
               void *ctx, struct error *err)
{
    int rc = *folder ? store_check_name(folder, err) : 0;

    return rc ? rc : s->ops->list(s, folder, fn, ctx, err);
}

bool store_soon(struct store *s, enum store_soon what, const char *name,
                uint64_t offset, uint64_t len)
{
    if (!s->ops->soon || store_check_name(name, NULL) != 0)
        return true;
    return s->ops->soon(s, what, name, offset, len);
}

bool store_set_ahead(struct store *s, uint64_t bytes, uint64_t *memory)
{
    uint64_t taken = s->ops->set_ahead ? s->ops->set_ahead(s, bytes) : 0;

    if (memory)
        *memory = taken;
    return s->ops->set_ahead != NULL;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    free(s->label);
    s->ops->free(s);
}

int store_join(char out[static STORE_NAME_MAX + 1], const char *folder,
               const char *name, struct error *err)
{
    int n = snprintf(out, STORE_NAME_MAX + 1, "%s%s%s", folder,
                     *folder ? "/" : "", name);

    if (n >= 0 && n <= STORE_NAME_MAX)
        return 0;
    return error_set(err, ERR_PATH, "a name is too long: %.100s...", name);
}
