/*
 * The sink's front door: names, bounds and the order of calls are checked
 * here, once, before any implementation sees them.
 */
#include "store/sink.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

int sink_require(struct sink *s, uint64_t total, struct error *err)
{
    return s->ops->require ? s->ops->require(s, total, err) : 0;
}

uint64_t sink_buffer(struct sink *s, uint64_t most, unsigned threads)
{
    return s->ops->buffer ? s->ops->buffer(s, most, threads) : 0;
}

int sink_create(struct sink *s, const char *name, uint64_t size,
                struct sink_file **out, struct error *err)
{
    struct sink_file *f = NULL;
    char *copy;
    int rc = store_check_name(name, err);

    if (!rc && strchr(name, '/')) {
        error_set(err, ERR_PATH, "'%.200s' is not the name of a file", name);
        rc = error_subject(err, "%s", name);
    }
    if (rc)
        return rc;
    copy = strdup(name);
    if (!copy)
        return error_memory(err);
    rc = s->ops->create(s, name, size, &f, err);
    if (rc) {
        free(copy);
        return rc;
    }
    f->sink = s;
    f->name = copy;
    f->size = size;
    f->next = s->open;
    s->open = f;
    *out = f;
    return 0;
}

int sink_write(struct sink_file *f, uint64_t offset, const void *data,
               size_t len, struct error *err)
{
    int rc;

    if (offset > f->size || len > f->size - offset) {
        error_set(err, ERR_INTERNAL, "a write leaves the file %.200s", f->name);
        error_expected(err, "at most %llu bytes", (unsigned long long)f->size);
        return error_actual(err, "%zu bytes at %llu", len,
                            (unsigned long long)offset);
    }
    rc = f->sink->ops->write(f, offset, data, len, err);
    if (rc)
        atomic_store(&f->sink->failed, true);
    return rc;
}

static void forget(struct sink *s, const struct sink_file *f)
{
    struct sink_file **link = &s->open;

    while (*link != f)
        link = &(*link)->next;
    *link = f->next;
}

int sink_close(struct sink_file *f, struct error *err)
{
    struct sink *s = f->sink;
    char *name = f->name;
    int rc;

    forget(s, f);
    rc = s->ops->close(f, err);
    if (rc)
        atomic_store(&s->failed, true);
    free(name);
    return rc;
}

static int check_whole(const struct sink *s, struct error *err)
{
    if (s->open)
        return error_set(err, ERR_INTERNAL, "the file %.200s is still open",
                         s->open->name);
    if (atomic_load(&s->failed))
        return error_set(err, ERR_WRITE,
                         "what could not be written whole is not published");
    return 0;
}

int sink_reread(struct sink *s, struct store **out, struct error *err)
{
    int rc = check_whole(s, err);

    return rc ? rc : s->ops->reread(s, out, err);
}

int sink_publish(struct sink *s, struct error *err)
{
    int rc = check_whole(s, err);

    return rc ? rc : s->ops->publish(s, err);
}

void sink_free(struct sink *s)
{
    struct sink_file *f;

    if (!s)
        return;
    while ((f = s->open) != NULL) {
        s->open = f->next;
        free(f->name);
        s->ops->drop(f);
    }
    s->ops->free(s);
}
