/*
 * What verifying found, for programs and for people.
 */
#include <inttypes.h>

#include "base/json.h"
#include "print.h"
#include "verify.h"

static const char *const verdicts[] = {
    [VERIFY_EQUAL] = "equal",
    [VERIFY_DIFFERENT] = "different",
    [VERIFY_MISSING] = "missing",
};

/* Members: name, dtype, shape. */
static void put_form(struct json_writer *w, const char *name, enum dtype dtype,
                     const uint64_t *shape, unsigned rank)
{
    if (name)
        json_key_str(w, "name", name);
    json_key_str(w, "dtype", dtype_info(dtype)->name);
    json_key_dims(w, "shape", shape, rank);
}

static void put_found(struct json_writer *w, const struct existing_tensor *t)
{
    json_key(w, "found");
    json_open(w, '{');
    put_form(w, NULL, t->tensor->dtype, t->tensor->shape, t->tensor->rank);
    json_close(w, '}');
}

static void put_tensor(struct json_writer *w, const struct verify_report *r,
                       size_t i)
{
    const struct plan_tensor *t = &r->plan->tensors[i];
    const struct verify_tensor *v = &r->tensors[i];

    json_open(w, '{');
    put_form(w, t->model->name, t->dtype, t->model->shape, t->model->rank);
    json_key_str(w, "verdict", verdicts[v->verdict]);
    if (v->other_form) {
        put_found(w, v->found);
    } else if (v->verdict == VERIFY_DIFFERENT) {
        json_key_u64(w, "different", v->different);
        json_key(w, "largest");
        json_double(w, v->largest < 1e308 ? v->largest : 1e308);
        json_key_bool(w, "nan", v->has_nan);
    }
    json_close(w, '}');
}

int verify_write_json(const struct verify_report *r, bool all, struct buf *out,
                      struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);

    json_open(&w, '{');
    json_key_bool(&w, "equal", r->equal);
    json_key(&w, "counts");
    json_open(&w, '{');
    for (int i = 0; i <= VERIFY_MISSING; i++)
        json_key_u64(&w, verdicts[i], r->counts[i]);
    json_key_u64(&w, "extra", r->extra_count);
    json_close(&w, '}');
    json_key(&w, "tensors");
    json_open(&w, '[');
    for (size_t i = 0; i < r->plan->tensor_count; i++)
        if (all || r->tensors[i].verdict != VERIFY_EQUAL)
            put_tensor(&w, r, i);
    json_close(&w, ']');
    json_key(&w, "extra");
    json_open(&w, '[');
    for (size_t i = 0; i < r->extra_count; i++) {
        const struct safetensors_tensor *t = r->extra[i]->tensor;

        json_open(&w, '{');
        put_form(&w, t->name, t->dtype, t->shape, t->rank);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    return buf_status(out, err);
}

static void text_form(struct buf *out, enum dtype dtype, const uint64_t *shape,
                      unsigned rank)
{
    buf_printf(out, "%s ", dtype_info(dtype)->name);
    print_dims(out, shape, rank);
}

static void text_tensor(struct buf *out, const struct verify_report *r,
                        size_t i)
{
    const struct plan_tensor *t = &r->plan->tensors[i];
    const struct verify_tensor *v = &r->tensors[i];

    buf_printf(out, "%-10s %s: ", verdicts[v->verdict], t->model->name);
    text_form(out, t->dtype, t->model->shape, t->model->rank);
    if (v->other_form) {
        buf_puts(out, ", the model has ");
        text_form(out, v->found->tensor->dtype, v->found->tensor->shape,
                  v->found->tensor->rank);
    } else if (v->verdict == VERIFY_DIFFERENT) {
        buf_printf(out, ", %" PRIu64 " elements differ, by at most %g%s",
                   v->different, v->largest,
                   v->has_nan ? "; some are no numbers" : "");
    }
    buf_putc(out, '\n');
}

int verify_write_text(const struct verify_report *r, struct buf *out,
                      struct error *err)
{
    for (size_t i = 0; i < r->plan->tensor_count; i++)
        if (r->tensors[i].verdict != VERIFY_EQUAL)
            text_tensor(out, r, i);
    for (size_t i = 0; i < r->extra_count; i++) {
        const struct safetensors_tensor *t = r->extra[i]->tensor;

        buf_printf(out, "%-10s %s: ", "extra", t->name);
        text_form(out, t->dtype, t->shape, t->rank);
        buf_putc(out, '\n');
    }
    buf_printf(out, "%zu equal, %zu different, %zu missing, %zu extra\n",
               r->counts[VERIFY_EQUAL], r->counts[VERIFY_DIFFERENT],
               r->counts[VERIFY_MISSING], r->extra_count);
    return buf_status(out, err);
}
