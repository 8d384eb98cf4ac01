/*
 * Files in memory as a sink: the twin of sink_folder.c for tests.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sink.h"

struct memory_file {
    struct sink_file base;
    unsigned char *data;
};

/* What remains of a file once it is closed. */
struct closed {
    struct closed *next;
    char *name;
    unsigned char *data;
    size_t len;
};

struct memory {
    struct sink base;
    struct closed *first;
    bool published;
};

static int memory_create(struct sink *s, const char *name, uint64_t size,
                         struct sink_file **out, struct error *err)
{
    struct memory_file *f;
    unsigned char *data;

    for (const struct sink_file *o = s->open; o; o = o->next)
        if (!strcmp(o->name, name))
            return error_set(err, ERR_EXISTS, "%.200s exists", name);
    if (sink_memory_file(s, name, NULL))
        return error_set(err, ERR_EXISTS, "%.200s exists", name);
    f = calloc(1, sizeof *f);
    data = size < SIZE_MAX ? calloc(1, (size_t)size + 1) : NULL;
    if (!f || !data) {
        free(f);
        free(data);
        return error_memory(err);
    }
    f->data = data;
    *out = &f->base;
    return 0;
}

static int memory_write(struct sink_file *f, uint64_t offset, const void *data,
                        size_t len, struct error *err)
{
    (void)err;
    if (len > 0)
        memcpy(((struct memory_file *)f)->data + offset, data, len);
    return 0;
}

static void memory_drop(struct sink_file *f)
{
    free(((struct memory_file *)f)->data);
    free(f);
}

static int memory_close(struct sink_file *f, struct error *err)
{
    struct memory *m = (struct memory *)f->sink;
    struct memory_file *file = (struct memory_file *)f;
    struct closed *c = calloc(1, sizeof *c);
    char *name = strdup(f->name);

    if (!c || !name) {
        free(c);
        free(name);
        memory_drop(f);
        return error_memory(err);
    }
    c->name = name;
    c->data = file->data;
    c->len = (size_t)f->size;
    c->next = m->first;
    m->first = c;
    free(file);
    return 0;
}

static int memory_reread(struct sink *s, struct store **out, struct error *err)
{
    struct store *store = NULL;
    int rc = store_memory_new(&store, err);

    for (const struct closed *c = ((struct memory *)s)->first; !rc && c;
         c = c->next)
        rc = store_memory_put(store, c->name, c->data, c->len, err);
    if (rc)
        store_free(store);
    else
        *out = store;
    return rc;
}

static int memory_publish(struct sink *s, struct error *err)
{
    (void)err;
    ((struct memory *)s)->published = true;
    return 0;
}

static void memory_free(struct sink *s)
{
    struct memory *m = (struct memory *)s;
    struct closed *c;

    while ((c = m->first) != NULL) {
        m->first = c->next;
        free(c->name);
        free(c->data);
        free(c);
    }
    free(m);
}

static const struct sink_ops memory_ops = {
    .create = memory_create,
    .write = memory_write,
    .close = memory_close,
    .drop = memory_drop,
    .reread = memory_reread,
    .publish = memory_publish,
    .free = memory_free,
};

int sink_memory_new(struct sink **out, struct error *err)
{
    struct memory *m = calloc(1, sizeof *m);

    if (!m)
        return error_memory(err);
    m->base.ops = &memory_ops;
    *out = &m->base;
    return 0;
}

const unsigned char *sink_memory_file(const struct sink *s, const char *name,
                                      size_t *len)
{
    const struct closed *c = ((const struct memory *)s)->first;

    while (c && strcmp(c->name, name) != 0)
        c = c->next;
    if (c && len)
        *len = c->len;
    return c ? c->data : NULL;
}

bool sink_memory_published(const struct sink *s)
{
    return ((const struct memory *)s)->published;
}
