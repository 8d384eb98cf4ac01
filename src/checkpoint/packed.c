/*
 * Arrays as flax packs them into a msgpack extension.
 *
 * The payload is itself msgpack: a list of the shape, the dtype's name and the
 * bytes. Names and bytes come as str or bin, depending on the writer's age.
 * There is no byte order: flax writes what numpy holds, which is little endian
 * on every machine that checkpoints were made on.
 */
#include "checkpoint/packed.h"

#include <string.h>

static int refuse(const char *name, const char *what, struct error *err)
{
    error_set(err, ERR_INDEX, "array %s: %s", name, what);
    return error_subject(err, "%s", name);
}

static int read_dims(struct msgpack *m, const char *name, struct array *like,
                     struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_ARRAY || item.count > ARRAY_MAX_RANK)
        return refuse(name, "its shape is not valid", err);
    like->rank = (unsigned)item.count;
    for (unsigned i = 0; i < like->rank; i++) {
        rc = msgpack_next(m, &item, err);
        if (rc)
            return rc;
        if (item.kind != MSGPACK_UINT)
            return refuse(name, "its shape is not valid", err);
        like->shape[i] = item.value.uint;
    }
    return 0;
}

static int read_dtype(struct msgpack *m, const char *name, struct array *like,
                      struct error *err)
{
    char text[32];
    bool fits = false;
    int rc = msgpack_next_text(m, text, sizeof text, &fits, err);

    if (rc)
        return rc;
    like->dtype = fits ? dtype_by_name(text, strlen(text)) : DTYPE_NONE;
    if (like->dtype != DTYPE_NONE)
        return 0;
    error_set(err, ERR_DTYPE, "array %s: its data type is not known", name);
    error_subject(err, "%s", name);
    return error_actual(err, "%s", text);
}

static int read_parts(struct msgpack *m, const char *name, struct packed *p,
                      struct error *err)
{
    struct msgpack_item item;
    int rc = msgpack_next(m, &item, err);

    if (rc)
        return rc;
    if (item.kind != MSGPACK_ARRAY || item.count != 3)
        return refuse(name, "it is not packed as an array", err);
    rc = read_dims(m, name, &p->like, err);
    if (!rc)
        rc = read_dtype(m, name, &p->like, err);
    if (!rc)
        rc = msgpack_next(m, &item, err);
    if (rc)
        return rc;
    if (item.kind != MSGPACK_BYTES || m->pos != m->end)
        return refuse(name, "it is not packed as an array", err);
    p->data = (struct extent){ item.offset, item.len };
    return 0;
}

int packed_read(struct msgpack *m, const struct msgpack_item *item,
                const char *name, struct packed *out, struct error *err)
{
    uint64_t pos = m->pos;
    uint64_t end = m->end;
    int rc;

    /* The payload reads as if the object ended with it. */
    *out = (struct packed){ .like = { .rank = 0 } };
    m->pos = item->offset;
    m->end = item->offset + item->len;
    rc = read_parts(m, name, out, err);
    m->pos = pos;
    m->end = end;
    return rc;
}
