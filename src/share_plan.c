/*
 * Dealing files out, and plans of a part of the files.
 *
 * The largest file goes to the share that has least so far, then the next one:
 * no share gets more than a third above the best that can be.
 */
#include "share_plan.h"

#include <stdlib.h>

struct dealt {
    uint64_t size;
    size_t file;
};

static int compare_dealt(const void *a, const void *b)
{
    const struct dealt *x = a;
    const struct dealt *y = b;

    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    return (x->file > y->file) - (x->file < y->file);
}

static uint32_t least(const uint64_t *bytes, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++)
        if (bytes[i] < bytes[best])
            best = i;
    return best;
}

int share_deal(const struct plan *p, uint32_t count, uint32_t *share,
               struct error *err)
{
    struct dealt *files = calloc(p->file_count + 1, sizeof *files);
    uint64_t *bytes = calloc(count, sizeof *bytes);
    size_t n = 0;
    int rc = files && bytes ? 0 : error_memory(err);

    for (size_t i = 0; i < p->file_count && !rc; i++) {
        share[i] = UINT32_MAX;
        if (p->files[i].tensor_count > 0)
            files[n++] = (struct dealt){ p->files[i].size, i };
    }
    if (!rc)
        qsort(files, n, sizeof *files, compare_dealt);
    for (size_t i = 0; i < n; i++) {
        share[files[i].file] = least(bytes, count);
        bytes[share[files[i].file]] += files[i].size;
    }
    free(files);
    free(bytes);
    return rc;
}

/* The marked tensors, array by array, and which files they are in now. */
static void fill(struct plan *out, const struct plan *p, const bool *marked,
                 const uint32_t *number)
{
    for (size_t a = 0; a < p->checkpoint->count; a++) {
        for (size_t i = p->array_first[a]; i < p->array_first[a + 1]; i++) {
            const struct plan_tensor *t = &p->tensors[p->by_array[i]];
            size_t n = out->tensor_count;

            if (!marked[t->file])
                continue;
            out->tensors[n] = *t;
            out->tensors[n].file = number[t->file];
            out->by_array[n] = n;
            out->tensor_count++;
        }
        out->array_first[a + 1] = out->tensor_count;
    }
}

int share_plan_make(const struct plan *p, const bool *marked, struct plan **out,
                    struct error *err)
{
    struct plan *s = calloc(1, sizeof *s);
    uint32_t *number = calloc(p->file_count + 1, sizeof *number);

    if (!s || !number)
        goto memory;
    s->checkpoint = p->checkpoint;
    s->model = p->model;
    s->files = calloc(p->file_count + 1, sizeof *s->files);
    s->tensors = calloc(p->tensor_count + 1, sizeof *s->tensors);
    s->by_array = calloc(p->tensor_count + 1, sizeof *s->by_array);
    s->array_first = calloc(p->checkpoint->count + 2, sizeof *s->array_first);
    if (!s->files || !s->tensors || !s->by_array || !s->array_first)
        goto memory;
    for (size_t i = 0; i < p->file_count; i++) {
        if (!marked[i])
            continue;
        number[i] = (uint32_t)s->file_count;
        s->files[s->file_count] = p->files[i];
        /* Those are numbers of tensors in p. */
        s->files[s->file_count].tensors = NULL;
        s->files[s->file_count++].tensor_count = 0;
        s->bytes += p->files[i].size;
    }
    fill(s, p, marked, number);
    free(number);
    *out = s;
    return 0;
memory:
    free(number);
    share_plan_free(s);
    return error_memory(err);
}

void share_plan_free(struct plan *p)
{
    if (!p)
        return;
    free(p->files);
    free(p->tensors);
    free(p->by_array);
    free(p->array_first);
    free(p);
}
