/*
 * Objects in memory as a store: the twin of local.c for tests.
 *
 * A linear list is enough: tests hold tens of objects.
 */
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

struct object {
    struct object *next;
    char *name;
    unsigned char *data;
    size_t len;
};

struct memory {
    struct store base;
    struct object *first;
};

static struct object *find(struct store *s, const char *name)
{
    struct object *o = ((struct memory *)s)->first;

    while (o && strcmp(o->name, name) != 0)
        o = o->next;
    return o;
}

static int absent(const char *name, struct error *err)
{
    error_set(err, ERR_NOT_FOUND, "%.200s is not there", name);
    return error_subject(err, "%s", name);
}

static int memory_size(struct store *s, const char *name, uint64_t *size,
                       struct error *err)
{
    const struct object *o = find(s, name);

    if (!o)
        return absent(name, err);
    *size = o->len;
    return 0;
}

static int memory_read(struct store *s, const char *name, uint64_t offset,
                       void *dst, size_t len, struct error *err)
{
    const struct object *o = find(s, name);

    if (!o)
        return absent(name, err);
    if (offset > o->len || len > o->len - offset) {
        error_set(err, ERR_READ, "%.200s ends too early", name);
        return error_subject(err, "%s", name);
    }
    if (len > 0)
        memcpy(dst, o->data + offset, len);
    return 0;
}

static int memory_get(struct store *s, const char *name, uint64_t max,
                      struct buf *b, struct error *err)
{
    const struct object *o = find(s, name);

    if (!o)
        return absent(name, err);
    buf_clear(b);
    if (o->len > max) {
        error_set(err, ERR_LIMIT, "%.200s is too large", name);
        return error_subject(err, "%s", name);
    }
    buf_append(b, o->data, o->len);
    return buf_status(b, err);
}

/* Whether an earlier object has the same first component below prefix. */
static bool seen_before(const struct memory *m, const struct object *upto,
                        const char *prefix, size_t component)
{
    size_t skip = strlen(prefix);
    const char *name = upto->name + skip;

    for (const struct object *o = m->first; o != upto; o = o->next)
        if (!strncmp(o->name, prefix, skip) &&
            !strncmp(o->name + skip, name, component) &&
            o->name[skip + component] == '/')
            return true;
    return false;
}

static int memory_list(struct store *s, const char *folder, store_entry_fn fn,
                       void *ctx, struct error *err)
{
    const struct memory *m = (const struct memory *)s;
    char prefix[STORE_NAME_MAX + 2] = "";
    char entry[STORE_NAME_MAX + 1];
    size_t skip = strlen(folder);
    size_t len;
    bool found = skip == 0;
    int rc = 0;

    memcpy(prefix, folder, skip);
    if (skip > 0)
        prefix[skip++] = '/';
    for (const struct object *o = m->first; o && !rc; o = o->next) {
        if (strncmp(o->name, prefix, skip) != 0)
            continue;
        found = true;
        len = strcspn(o->name + skip, "/");
        if (o->name[skip + len] == '/' && seen_before(m, o, prefix, len))
            continue;
        memcpy(entry, o->name + skip, len);
        entry[len] = '\0';
        rc = fn(ctx, entry, o->name[skip + len] == '/', err);
    }
    return found ? rc : absent(folder, err);
}

static void memory_free(struct store *s)
{
    struct memory *m = (struct memory *)s;
    struct object *o;

    while ((o = m->first) != NULL) {
        m->first = o->next;
        free(o->name);
        free(o->data);
        free(o);
    }
    free(m);
}

static const struct store_ops memory_ops = {
    .size = memory_size,
    .read = memory_read,
    .get = memory_get,
    .list = memory_list,
    .free = memory_free,
};

int store_memory_new(struct store **out, struct error *err)
{
    struct memory *m = calloc(1, sizeof *m);

    if (!m)
        return error_memory(err);
    m->base.ops = &memory_ops;
    m->base.label = strdup("memory");
    if (!m->base.label) {
        free(m);
        return error_memory(err);
    }
    *out = &m->base;
    return 0;
}

int store_memory_put(struct store *s, const char *name, const void *data,
                     size_t len, struct error *err)
{
    struct memory *m = (struct memory *)s;
    struct object *o = find(s, name);
    unsigned char *copy = malloc(len ? len : 1);
    int rc = store_check_name(name, err);

    if (rc || !copy) {
        free(copy);
        return rc ? rc : error_memory(err);
    }
    if (len > 0)
        memcpy(copy, data, len);
    if (!o) {
        o = calloc(1, sizeof *o);
        if (o)
            o->name = strdup(name);
        if (!o || !o->name) {
            free(o);
            free(copy);
            return error_memory(err);
        }
        o->next = m->first;
        m->first = o;
    }
    free(o->data);
    o->data = copy;
    o->len = len;
    return 0;
}
