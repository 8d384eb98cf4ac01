/*
 * How arrays are cut into tasks.
 *
 * The chunks that together give whole rows of a tensor are a group: those side
 * by side along the columns, or along the rows where the tensor is transposed.
 * A group of one chunk, the usual case, needs no more than a band of memory on
 * its way out. Of a larger group a task takes as many chunks as fit its share
 * of the memory, decoded, and writes bands made of all of them; if not even two
 * fit, chunks go out one by one in shorter stretches.
 *
 * Nothing is stored for a task: its number says which it is, so a grid of many
 * small chunks costs no memory. Chunks of slices that no tensor wants are in no
 * task. Arrays with large tasks come first, so that no large one is left alone
 * at the end.
 */
#include "schedule.h"

#include <stdlib.h>

#include "base/num.h"
#include "tensor/kernel.h"

/* Keeping more decoded chunks than this would not make writing any faster. */
#define KEPT_MAX ((uint64_t)64 << 20)

uint64_t schedule_slice(const struct plan_tensor *t)
{
    return t->model->expert < 0 ? 0 : (uint64_t)t->model->expert;
}

size_t schedule_taker(const struct plan *p, const struct work *w,
                      const struct box *elements, size_t i)
{
    uint64_t slice;

    for (; i < w->tensor_count; i++) {
        slice = schedule_slice(&p->tensors[w->tensors[i]]);
        if (slice >= elements->from[GRID_SLICE] &&
            slice < elements->to[GRID_SLICE])
            break;
    }
    return i;
}

/* What writing relies on; plan_make() promises it. */
static int check_tensor(const struct plan *p, const struct work *w,
                        const struct plan_tensor *t, struct error *err)
{
    const uint64_t *shape = w->grid.shape;
    uint64_t factors[] = { shape[GRID_ROW], shape[GRID_COLUMN],
                           dtype_info(t->dtype)->size };
    bool whole = t->model->expert < 0;
    uint64_t bytes = 0;

    if (kernel_can_cast(w->array->dtype, t->dtype) &&
        (whole ? shape[GRID_SLICE] == 1
               : schedule_slice(t) < shape[GRID_SLICE]) &&
        num_product(factors, 3, &bytes) && bytes == t->bytes &&
        t->file < p->file_count && bytes <= p->files[t->file].size &&
        t->offset <= p->files[t->file].size - bytes)
        return 0;
    error_set(err, ERR_INTERNAL, "tensor %.100s does not fit array %.100s",
              t->model->name, w->array->name);
    return error_subject(err, "%s", t->model->name);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Fills slabs, sorted and each once. */
static int find_slabs(const struct plan *p, struct work *w, struct error *err)
{
    size_t n = 0;

    w->slabs = calloc(w->tensor_count, sizeof *w->slabs);
    if (!w->slabs)
        return error_memory(err);
    for (size_t i = 0; i < w->tensor_count; i++)
        w->slabs[i] = schedule_slice(&p->tensors[w->tensors[i]]) /
                      w->grid.chunk[GRID_SLICE];
    qsort(w->slabs, w->tensor_count, sizeof *w->slabs, compare_u64);
    for (size_t i = 0; i < w->tensor_count; i++)
        if (n == 0 || w->slabs[n - 1] != w->slabs[i])
            w->slabs[n++] = w->slabs[i];
    w->slab_count = n;
    return 0;
}

/*
 * Decides how many chunks a task joins, and what memory it needs: for the chunk
 * at hand encoded and decoded (encoding does not make weights much larger), for
 * those before it decoded, and for a band.
 */
static void set_span(struct work *w, uint64_t share)
{
    uint64_t chunk = array_chunk_bytes(w->array);
    uint64_t least = 2 * chunk + SCHEDULE_BAND;
    uint64_t room = share > least ? num_min(share - least, KEPT_MAX) : 0;

    w->span = num_max(1, num_min(1 + room / chunk, w->grid.count[w->along]));
    w->need = least + (w->span - 1) * chunk;
}

/* Tasks along each of slabs, the groups, and the tasks that a group has. */
static void task_counts(const struct work *w, uint64_t n[3])
{
    unsigned other = w->along == GRID_ROW ? GRID_COLUMN : GRID_ROW;

    n[0] = w->slab_count;
    n[1] = w->grid.count[other];
    n[2] = num_ceil_div(w->grid.count[w->along], w->span);
}

/* Plans one array; w names it and its tensors. */
static int plan_work(const struct plan *p, struct work *w, uint64_t share,
                     struct schedule *s, struct error *err)
{
    uint64_t n[3];
    uint64_t tasks = 0;
    int rc = grid_make(w->array, &w->grid, err);

    for (size_t i = 0; i < w->tensor_count && !rc; i++)
        rc = check_tensor(p, w, &p->tensors[w->tensors[i]], err);
    if (!rc)
        rc = find_slabs(p, w, err);
    if (rc)
        return rc;
    w->along =
        p->tensors[w->tensors[0]].model->transpose ? GRID_ROW : GRID_COLUMN;
    set_span(w, share);
    task_counts(w, n);
    for (size_t i = 0; i < w->tensor_count; i++)
        s->bytes += p->tensors[w->tensors[i]].bytes;
    s->chunks += n[0] * n[1] * w->grid.count[w->along];
    if (!num_product(n, 3, &tasks) || !num_add(s->tasks, tasks, &s->tasks))
        return error_set(err, ERR_LIMIT, "there are too many chunks");
    return 0;
}

static int compare_works(const void *a, const void *b)
{
    const struct work *x = a;
    const struct work *y = b;

    if (x->need != y->need)
        return x->need < y->need ? 1 : -1;
    return (x->tensors > y->tensors) - (x->tensors < y->tensors);
}

/* Numbers the tasks, once the works stand in order. */
static void number_tasks(struct schedule *s)
{
    uint64_t n[3];
    uint64_t first = 0;

    for (size_t i = 0; i < s->count; i++) {
        task_counts(&s->works[i], n);
        s->works[i].first = first;
        first += n[0] * n[1] * n[2];
    }
}

int schedule_make(const struct plan *p, uint64_t share, struct schedule *out,
                  struct error *err)
{
    struct schedule s = { .works = NULL };
    size_t arrays = p->checkpoint->count;
    int rc = 0;

    s.works = calloc(arrays + 1, sizeof *s.works);
    if (!s.works)
        return error_memory(err);
    for (size_t i = 0; i < arrays && !rc; i++) {
        size_t first = p->array_first[i];
        size_t n = p->array_first[i + 1] - first;

        if (n == 0)
            continue;
        s.works[s.count].array = p->checkpoint->arrays[i];
        s.works[s.count].tensors = &p->by_array[first];
        s.works[s.count].tensor_count = n;
        rc = plan_work(p, &s.works[s.count++], share, &s, err);
    }
    if (rc) {
        schedule_done(&s);
        return rc;
    }
    qsort(s.works, s.count, sizeof *s.works, compare_works);
    number_tasks(&s);
    *out = s;
    return 0;
}

void schedule_done(struct schedule *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->works[i].slabs);
    free(s->works);
    *s = (struct schedule){ .works = NULL };
}

/* The last work whose first task is not behind i; empty ones are passed. */
static const struct work *find_work(const struct schedule *s, uint64_t i)
{
    size_t low = 0;
    size_t high = s->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (s->works[middle].first <= i)
            low = middle;
        else
            high = middle;
    }
    return &s->works[low];
}

struct task schedule_task(const struct schedule *s, uint64_t i)
{
    const struct work *w = find_work(s, i);
    unsigned other = w->along == GRID_ROW ? GRID_COLUMN : GRID_ROW;
    struct task t = { .number = i, .work = w };
    uint64_t n[3];
    uint64_t slab;

    task_counts(w, n);
    i -= w->first;
    t.chunks.from[w->along] = i % n[2] * w->span;
    t.chunks.to[w->along] =
        num_min(t.chunks.from[w->along] + w->span, w->grid.count[w->along]);
    t.chunks.from[other] = i / n[2] % n[1];
    t.chunks.to[other] = t.chunks.from[other] + 1;
    slab = w->slabs[i / n[2] / n[1]];
    t.chunks.from[GRID_SLICE] = slab;
    t.chunks.to[GRID_SLICE] = slab + 1;
    return t;
}
