/*
 * Making a plan.
 *
 * plan_make() reads top to bottom: give every tensor its dtype and size, deal
 * the tensors out to files, lay each file out and write its head, add the text
 * files, and group the tensors by the array they are made of. All of it is
 * metadata: no chunk is read.
 */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "safetensors/safetensors.h"
#include "tensor/kernel.h"

/* save_pretrained's default, decimal as there. */
#define DEFAULT_SHARD_SIZE ((uint64_t)5000000000)

/* Text files: an index of 10 million tensors fits. */
#define MAX_TEXT_FILE ((size_t)1 << 30)

static const struct array *array_of(const struct plan *p, size_t tensor)
{
    return p->checkpoint->arrays[p->tensors[tensor].model->array];
}

static int refuse_dtype(const struct array *a, enum dtype want,
                        struct error *err)
{
    error_set(err, ERR_DTYPE, "array %.200s is %s, which cannot become %s",
              a->name, dtype_info(a->dtype)->name, dtype_info(want)->name);
    error_subject(err, "%s", a->name);
    error_expected(err, "a real floating-point type");
    return error_actual(err, "%s", dtype_info(a->dtype)->name);
}

/* dtype and size of every tensor. */
static int size_tensors(struct plan *p, enum dtype dtype, struct error *err)
{
    for (size_t i = 0; i < p->tensor_count; i++) {
        struct plan_tensor *t = &p->tensors[i];
        const struct array *a;
        uint64_t elements;

        t->model = &p->model->tensors[i];
        a = array_of(p, i);
        t->dtype = dtype == DTYPE_NONE ? a->dtype : dtype;
        if (!kernel_can_cast(a->dtype, t->dtype) ||
            !dtype_info(t->dtype)->safetensors)
            return refuse_dtype(a, t->dtype, err);
        if (!num_product(t->model->shape, t->model->rank, &elements) ||
            !num_mul(elements, dtype_info(t->dtype)->size, &t->bytes)) {
            error_set(err, ERR_SHAPE, "the shape of array %.200s overflows",
                      a->name);
            return error_subject(err, "%s", a->name);
        }
    }
    return 0;
}

/* Deals the tensors out to files and fills by_file's grouping. */
static int deal_tensors(struct plan *p, uint64_t max, size_t *files,
                        struct error *err)
{
    size_t n = p->tensor_count;
    uint64_t *bytes = calloc(n + 1, sizeof *bytes);
    uint32_t *shard = calloc(n + 1, sizeof *shard);
    int rc = 0;

    if (bytes && shard) {
        for (size_t i = 0; i < n; i++)
            bytes[i] = p->tensors[i].bytes;
        *files = safetensors_shard(bytes, n, max, shard);
        for (size_t i = 0; i < n; i++)
            p->tensors[i].file = shard[i];
    } else {
        rc = error_memory(err);
    }
    free(bytes);
    free(shard);
    return rc;
}

/* Stable counting sort of the tensors by file, module order inside. */
static int group_by_file(struct plan *p, size_t files, size_t *first,
                         struct error *err)
{
    size_t *next = calloc(files + 1, sizeof *next);

    if (!next)
        return error_memory(err);
    for (size_t i = 0; i < p->tensor_count; i++)
        first[p->tensors[i].file + 1]++;
    for (size_t f = 0; f < files; f++) {
        first[f + 1] += first[f];
        next[f] = first[f];
    }
    for (size_t i = 0; i < p->tensor_count; i++)
        p->by_file[next[p->tensors[i].file]++] = i;
    free(next);
    return 0;
}

static void fill_entry(const struct plan *p, size_t tensor,
                       struct safetensors_entry *entry)
{
    const struct plan_tensor *t = &p->tensors[tensor];

    entry->tag = tensor;
    entry->name = t->model->name;
    entry->dtype = t->dtype;
    entry->rank = t->model->rank;
    entry->shape = t->model->shape;
    entry->bytes = t->bytes;
}

/*
 * Lays one tensor file out: head, offsets, size. members is the file's slice
 * of by_file and ends up in the order of the file.
 */
static int lay_out_file(struct plan *p, struct plan_file *f, size_t *members,
                        struct error *err)
{
    size_t n = f->tensor_count;
    struct safetensors_entry *entries = calloc(n + 1, sizeof *entries);
    uint64_t data_bytes = 0;
    int rc;

    if (!entries)
        return error_memory(err);
    for (size_t i = 0; i < n; i++)
        fill_entry(p, members[i], &entries[i]);
    f->head = BUF_INIT(SAFETENSORS_MAX_HEADER + 16);
    rc = safetensors_layout(entries, n, &data_bytes, err);
    if (!rc)
        rc = safetensors_write_header(entries, n, &f->head, err);
    for (size_t i = 0; i < n && !rc; i++) {
        members[i] = entries[i].tag;
        p->tensors[members[i]].offset = f->head.len + entries[i].offset;
    }
    if (!rc && !num_add(f->head.len, data_bytes, &f->size))
        rc = error_set(err, ERR_LIMIT, "%s is too large", f->name);
    free(entries);
    return rc;
}

static int make_tensor_files(struct plan *p, size_t files, struct error *err)
{
    size_t *first = calloc(files + 2, sizeof *first);
    char name[64];
    int rc;

    if (!first)
        return error_memory(err);
    rc = group_by_file(p, files, first, err);
    for (size_t i = 0; i < files && !rc; i++) {
        struct plan_file *f = &p->files[p->file_count++];

        safetensors_shard_name(i, files, name);
        f->name = strdup(name);
        f->tensors = p->by_file + first[i];
        f->tensor_count = first[i + 1] - first[i];
        rc = f->name ? lay_out_file(p, f, p->by_file + first[i], err)
                     : error_memory(err);
    }
    free(first);
    return rc;
}

static struct plan_file *add_text_file(struct plan *p, const char *name,
                                       struct error *err)
{
    struct plan_file *f = &p->files[p->file_count];

    f->name = strdup(name);
    if (!f->name) {
        error_memory(err);
        return NULL;
    }
    f->head = BUF_INIT(MAX_TEXT_FILE);
    p->file_count++;
    return f;
}

struct named {
    const char *name;
    size_t tensor;
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name,
                  ((const struct named *)b)->name);
}

/* model.safetensors.index.json, as json.dumps(indent=2, sort_keys) has it. */
static int write_index(const struct plan *p, struct buf *out, struct error *err)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_PYTHON);
    struct named *names = calloc(p->tensor_count + 1, sizeof *names);
    uint64_t total = 0;

    if (!names)
        return error_memory(err);
    for (size_t i = 0; i < p->tensor_count; i++) {
        names[i].name = p->tensors[i].model->name;
        names[i].tensor = i;
        total += p->tensors[i].bytes;
    }
    qsort(names, p->tensor_count, sizeof *names, compare_named);
    json_open(&w, '{');
    json_key(&w, "metadata");
    json_open(&w, '{');
    json_key_u64(&w, "total_size", total);
    json_close(&w, '}');
    json_key(&w, "weight_map");
    json_open(&w, '{');
    for (size_t i = 0; i < p->tensor_count; i++)
        json_key_str(&w, names[i].name,
                     p->files[p->tensors[names[i].tensor].file].name);
    json_close(&w, '}');
    json_close(&w, '}');
    buf_putc(out, '\n');
    free(names);
    return buf_status(out, err);
}

/* The dtype that most bytes are written in: config.json's torch_dtype. */
static const char *main_dtype(const struct plan *p)
{
    uint64_t bytes[DTYPE_COUNT] = { 0 };
    int best = DTYPE_F32;

    for (size_t i = 0; i < p->tensor_count; i++)
        bytes[p->tensors[i].dtype] += p->tensors[i].bytes;
    for (int t = 0; t < DTYPE_COUNT; t++)
        if (bytes[t] > bytes[best])
            best = t;
    return dtype_info((enum dtype)best)->name;
}

static int make_text_files(struct plan *p, size_t tensor_files,
                           struct error *err)
{
    struct plan_file *f;
    int rc;

    if (tensor_files > 1) {
        f = add_text_file(p, "model.safetensors.index.json", err);
        rc = f ? write_index(p, &f->head, err) : ERR_MEMORY;
        if (rc)
            return rc;
    }
    f = add_text_file(p, "config.json", err);
    if (!f)
        return ERR_MEMORY;
    model_write_config(p->model, main_dtype(p), &f->head);
    f = add_text_file(p, "generation_config.json", err);
    if (!f)
        return ERR_MEMORY;
    model_write_generation_config(p->model, &f->head);
    for (size_t i = tensor_files; i < p->file_count; i++) {
        rc = buf_status(&p->files[i].head, err);
        if (rc)
            return rc;
        p->files[i].size = p->files[i].head.len;
    }
    return 0;
}

/*
 * Counting sort of the tensors by array. Module order has the experts of an
 * array in ascending order, and the sort is stable.
 */
static void group_by_array(struct plan *p)
{
    size_t arrays = p->checkpoint->count;
    size_t *first = p->array_first;

    for (size_t i = 0; i < p->tensor_count; i++)
        first[p->tensors[i].model->array + 1]++;
    for (size_t a = 0; a < arrays; a++)
        first[a + 1] += first[a];
    for (size_t i = p->tensor_count; i-- > 0;)
        p->by_array[--first[p->tensors[i].model->array + 1]] = i;
    /* Each first[a + 1] now holds where a begins: move them down by one. */
    memmove(first, first + 1, arrays * sizeof *first);
    first[arrays] = p->tensor_count;
}

static int allocate(struct plan *p, struct error *err)
{
    p->tensors = calloc(p->tensor_count + 1, sizeof *p->tensors);
    p->by_file = calloc(p->tensor_count + 1, sizeof *p->by_file);
    p->by_array = calloc(p->tensor_count + 1, sizeof *p->by_array);
    p->array_first = calloc(p->checkpoint->count + 2, sizeof *p->array_first);
    if (!p->tensors || !p->by_file || !p->by_array || !p->array_first)
        return error_memory(err);
    return 0;
}

static int fill_plan(struct plan *p, const struct plan_options *o,
                     struct error *err)
{
    uint64_t max = o->max_shard_size ? o->max_shard_size : DEFAULT_SHARD_SIZE;
    size_t tensor_files = 0;
    int rc = allocate(p, err);

    if (!rc)
        rc = size_tensors(p, o->dtype, err);
    if (!rc)
        rc = deal_tensors(p, max, &tensor_files, err);
    if (rc)
        return rc;
    p->files = calloc(tensor_files + 3, sizeof *p->files);
    if (!p->files)
        return error_memory(err);
    rc = make_tensor_files(p, tensor_files, err);
    if (!rc)
        rc = make_text_files(p, tensor_files, err);
    if (rc)
        return rc;
    group_by_array(p);
    for (size_t i = 0; i < p->file_count; i++)
        if (!num_add(p->bytes, p->files[i].size, &p->bytes))
            return error_set(err, ERR_LIMIT, "the output is too large");
    return 0;
}

int plan_make(const struct checkpoint *c, const struct model *m,
              const struct plan_options *o, struct plan **out,
              struct error *err)
{
    struct plan *p = calloc(1, sizeof *p);
    int rc;

    if (!p)
        return error_memory(err);
    p->checkpoint = c;
    p->model = m;
    p->tensor_count = m->count;
    rc = fill_plan(p, o, err);
    if (rc)
        plan_free(p);
    else
        *out = p;
    return rc;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->file_count; i++) {
        free(p->files[i].name);
        buf_done(&p->files[i].head);
    }
    free(p->files);
    free(p->tensors);
    free(p->by_file);
    free(p->by_array);
    free(p->array_first);
    free(p);
}

/* The first tensor of a file that ends after offset. */
static size_t first_after(const struct plan *p, const struct plan_file *f,
                          uint64_t offset)
{
    size_t low = 0;
    size_t high = f->tensor_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct plan_tensor *t = &p->tensors[f->tensors[mid]];

        if (t->offset + t->bytes > offset)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

int plan_each_piece(const struct plan *p, const struct plan_file *f,
                    uint64_t offset, uint64_t len, plan_piece_fn fn, void *ctx,
                    struct error *err)
{
    const uint64_t end = offset + len;
    int rc = 0;

    for (size_t i = first_after(p, f, offset); !rc && i < f->tensor_count;
         i++) {
        const struct plan_tensor *t = &p->tensors[f->tensors[i]];
        uint64_t from = num_max(offset, t->offset);
        uint64_t to = num_min(end, t->offset + t->bytes);

        if (t->offset >= end)
            break;
        if (from < to)
            rc = fn(ctx, f->tensors[i], from - t->offset, from - offset,
                    to - from, err);
    }
    return rc;
}
