/*
 * Showing a plan: as JSON for programs, as text for people.
 *
 * The JSON lists every tensor and is written as a stream. The text has one line
 * for each array, however many tensors it becomes.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "plan.h"
#include "print.h"

/* The tensors made of array i: p->by_array[*first] and on. */
static size_t tensors_of(const struct plan *p, size_t array, size_t *first)
{
    *first = p->array_first[array];
    return p->array_first[array + 1] - *first;
}

static void write_array(struct json_writer *w, const struct plan *p, size_t i)
{
    const struct array *a = p->checkpoint->arrays[i];
    size_t first = 0;
    size_t n = tensors_of(p, i, &first);

    json_open(w, '{');
    print_array(w, a);
    json_key_u64(w, "tensors", n);
    json_close(w, '}');
}

static void write_tensor(struct json_writer *w, const struct plan *p, size_t i)
{
    const struct plan_tensor *t = &p->tensors[i];
    const struct array *a = p->checkpoint->arrays[t->model->array];

    json_open(w, '{');
    json_key_str(w, "name", t->model->name);
    json_key_str(w, "dtype", dtype_info(t->dtype)->name);
    json_key_dims(w, "shape", t->model->shape, t->model->rank);
    json_key_str(w, "file", p->files[t->file].name);
    json_key_u64(w, "offset", t->offset);
    json_key_u64(w, "bytes", t->bytes);
    json_key_str(w, "array", a->name);
    json_key(w, "expert");
    if (t->model->expert < 0)
        json_nul(w);
    else
        json_i64(w, t->model->expert);
    json_key_bool(w, "transposed", t->model->transpose);
    json_key_bool(w, "cast", t->dtype != a->dtype);
    json_close(w, '}');
}

static void write_files(struct json_writer *w, const struct plan *p)
{
    json_key(w, "files");
    json_open(w, '[');
    for (size_t i = 0; i < p->file_count; i++) {
        json_open(w, '{');
        json_key_str(w, "name", p->files[i].name);
        json_key_u64(w, "bytes", p->files[i].size);
        json_key_u64(w, "tensors", p->files[i].tensor_count);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void write_config(struct json_writer *w, const struct model *m)
{
    json_key(w, "config");
    json_open(w, '{');
    for (size_t i = 0; i < m->value_count; i++) {
        json_key(w, m->values[i].key);
        json_open(w, '{');
        json_key(w, "value");
        json_value(w, m->values[i].value);
        json_key_str(w, "origin", m->values[i].origin);
        json_close(w, '}');
    }
    json_close(w, '}');
}

static void write_warnings(struct json_writer *w, const struct plan *p)
{
    const struct checkpoint *c = p->checkpoint;

    json_key(w, "warnings");
    json_open(w, '[');
    for (size_t i = 0; i < c->warning_count; i++)
        json_str(w, c->warnings[i]);
    for (size_t i = 0; i < p->model->warning_count; i++)
        json_str(w, p->model->warnings[i]);
    json_close(w, ']');
}

int plan_write_json(const struct plan *p, struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    print_checkpoint(&w, p->checkpoint);
    json_key_u64(&w, "parameters", p->model->parameters);
    json_key_bool(&w, "tied", p->model->tied);
    json_key_u64(&w, "bytes", p->bytes);
    write_files(&w, p);
    write_config(&w, p->model);
    write_warnings(&w, p);
    json_key(&w, "arrays");
    json_open(&w, '[');
    for (size_t i = 0; i < p->checkpoint->count; i++)
        write_array(&w, p, i);
    json_close(&w, ']');
    json_key(&w, "tensors");
    json_open(&w, '[');
    for (size_t i = 0; i < p->tensor_count; i++)
        write_tensor(&w, p, i);
    json_close(&w, ']');
    json_close(&w, '}');
    buf_putc(out, '\n');
    return buf_status(out, err);
}

/* The name with its expert's number replaced by {first..last}. */
static void put_split_name(struct buf *out, const char *name,
                           unsigned long long last)
{
    static const char mark[] = "expert_0.";
    const char *at = strstr(name, mark);

    if (at)
        buf_printf(out, "%.*sexpert_{0..%llu}.%s", (int)(at - name), name, last,
                   at + sizeof mark - 1);
    else
        buf_puts(out, name);
}

/* One line for each thing that an array becomes. */
static void put_targets(struct buf *out, const struct plan *p, size_t array)
{
    size_t first = 0;
    size_t n = tensors_of(p, array, &first);
    enum dtype from = p->checkpoint->arrays[array]->dtype;

    if (n == 0)
        buf_puts(out, "      -> nothing\n");
    for (size_t i = first; i < first + n; i++) {
        const struct plan_tensor *t = &p->tensors[p->by_array[i]];

        if (t->model->expert > 0)
            continue;
        buf_puts(out, "      -> ");
        put_split_name(out, t->model->name, n - 1);
        buf_putc(out, ' ');
        print_dims(out, t->model->shape, t->model->rank);
        if (t->model->expert == 0)
            buf_printf(out, ", split in %zu", n);
        if (t->model->transpose)
            buf_puts(out, ", transposed");
        if (t->dtype != from)
            buf_printf(out, ", cast to %s", dtype_info(t->dtype)->name);
        buf_putc(out, '\n');
    }
}

static void put_arrays(struct buf *out, const struct plan *p)
{
    buf_printf(out, "arrays (%zu)\n", p->checkpoint->count);
    for (size_t i = 0; i < p->checkpoint->count; i++) {
        const struct array *a = p->checkpoint->arrays[i];

        buf_puts(out, "  ");
        print_array_text(out, a);
        put_targets(out, p, i);
    }
}

static void put_files(struct buf *out, const struct plan *p)
{
    char size[32];

    buf_printf(out, "files (%zu, %s)\n", p->file_count,
               num_format_size(p->bytes, size));
    for (size_t i = 0; i < p->file_count; i++) {
        const struct plan_file *f = &p->files[i];

        buf_printf(out, "  %-34s %9s", f->name, num_format_size(f->size, size));
        if (f->tensor_count)
            buf_printf(out, "  %zu tensors", f->tensor_count);
        buf_putc(out, '\n');
    }
}

static void put_config(struct buf *out, const struct model *m)
{
    buf_puts(out, "config\n");
    for (size_t i = 0; i < m->value_count; i++) {
        struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

        buf_printf(out, "  %-32s ", m->values[i].key);
        json_value(&w, m->values[i].value);
        buf_printf(out, "  (%s)\n", m->values[i].origin);
    }
}

int plan_write_text(const struct plan *p, struct buf *out, struct error *err)
{
    const struct checkpoint *c = p->checkpoint;

    print_checkpoint_text(out, c);
    buf_printf(out, "%llu parameters, %s\n",
               (unsigned long long)p->model->parameters,
               p->model->tied ? "tied" : "untied");
    put_arrays(out, p);
    put_files(out, p);
    put_config(out, p->model);
    print_warnings(out, c->warnings, c->warning_count);
    print_warnings(out, p->model->warnings, p->model->warning_count);
    return buf_status(out, err);
}
