/*
 * What a plan and a list of digests show alike.
 */
#include "print.h"

void print_origin(struct json_writer *w, const struct checkpoint *c)
{
    json_key_str(w, "path", c->path);
    json_key_str(w, "format", c->format);
    json_key_u64(w, "version", c->version);
    json_key(w, "step");
    if (c->step < 0)
        json_nul(w);
    else
        json_i64(w, c->step);
}

void print_checkpoint(struct json_writer *w, const struct checkpoint *c)
{
    json_key(w, "checkpoint");
    json_open(w, '{');
    print_origin(w, c);
    json_close(w, '}');
}

void print_checkpoint_text(struct buf *out, const struct checkpoint *c)
{
    buf_printf(out, "checkpoint %s (%s, version %u", c->path, c->format,
               c->version);
    if (c->step >= 0)
        buf_printf(out, ", step %lld", (long long)c->step);
    buf_puts(out, ")\n");
}

void print_array(struct json_writer *w, const struct array *a)
{
    json_key_str(w, "name", a->name);
    json_key_str(w, "dtype", dtype_info(a->dtype)->name);
    json_key_dims(w, "shape", a->shape, a->rank);
    json_key_u64(w, "bytes", array_bytes(a));
    json_key_dims(w, "chunk_shape", a->chunk, a->rank);
    json_key_u64(w, "chunks", array_chunks(a));
    json_key_str(w, "codec", a->codec);
}

void print_array_text(struct buf *out, const struct array *a)
{
    buf_printf(out, "%s %s ", a->name, dtype_info(a->dtype)->name);
    print_dims(out, a->shape, a->rank);
    buf_printf(out, ", %llu %s of ", (unsigned long long)array_chunks(a),
               array_chunks(a) == 1 ? "chunk" : "chunks");
    print_dims(out, a->chunk, a->rank);
    buf_printf(out, ", %s\n", a->codec);
}

void print_dims(struct buf *out, const uint64_t *dims, unsigned rank)
{
    buf_putc(out, '[');
    for (unsigned i = 0; i < rank; i++)
        buf_printf(out, "%s%llu", i ? ", " : "", (unsigned long long)dims[i]);
    buf_putc(out, ']');
}

void print_warnings(struct buf *out, char *const *warnings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "warning: %s\n", warnings[i]);
}
