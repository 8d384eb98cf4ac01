/*
 * Doing a task: read chunks, move what tensors take of them, write.
 *
 * Each chunk is read once. A task of one chunk goes out in bands that stay in
 * the cache. A task of several puts its chunks together first (schedule.c says
 * why). Where neither the dtype nor the order of the elements changes, a
 * chunk's bytes are written from where they were decoded.
 */
#include "convert_task.h"

#include "base/num.h"
#include "tensor/kernel.h"

/* One slice's part of a decoded chunk. */
struct source {
    const unsigned char *first; /* the element at the part's corner */
    size_t pitch;               /* elements between its rows */
    enum dtype dtype;
};

static void count_overflow(struct run *r, size_t tensor, uint64_t n)
{
    if (n == 0)
        return;
    atomic_fetch_add(&r->overflowed, n);
    pthread_mutex_lock(&r->lock);
    if (tensor < r->overflow)
        r->overflow = tensor;
    pthread_mutex_unlock(&r->lock);
}

static int read_chunk(struct run *r, const struct task *task,
                      const struct box *chunk, struct workspace *ws,
                      const void **data, struct error *err)
{
    const struct work *w = task->work;
    uint64_t place = chunk->from[w->along] - task->chunks.from[w->along];
    enum array_missing how = r->options->allow_missing_chunks
                                 ? ARRAY_MISSING_FILL
                                 : ARRAY_MISSING_ERROR;
    bool missing = false;
    int rc = convert_check_stop(r, err);

    convert_ahead(r, task, place);
    if (!rc)
        rc = array_read_chunk(w->array, grid_index(&w->grid, chunk->from), how,
                              ws->scratch, data, &missing, err);
    if (!rc && missing)
        atomic_fetch_add(&r->missing, 1);
    return rc;
}

static void count_chunk(struct run *r)
{
    if (r->options->progress)
        atomic_fetch_add(&r->options->progress->chunks_done, 1);
}

/* A tensor's part of a chunk whose elements are those of the box. */
static struct source source_of(const struct work *w, const struct box *elements,
                               const struct plan_tensor *t, const void *data)
{
    const uint64_t *chunk = w->grid.chunk;
    uint64_t slice = schedule_slice(t) - elements->from[GRID_SLICE];
    uint64_t skip = slice * chunk[GRID_ROW] * chunk[GRID_COLUMN];

    return (struct source){
        .first = (const unsigned char *)data +
                 skip * dtype_info(w->array->dtype)->size,
        .pitch = (size_t)chunk[GRID_COLUMN],
        .dtype = w->array->dtype,
    };
}

/* The part of src that begins at a row and column of what it becomes. */
static const unsigned char *element(const struct source *src,
                                    const struct plan_tensor *t, uint64_t row,
                                    uint64_t col)
{
    uint64_t at =
        t->model->transpose ? col * src->pitch + row : row * src->pitch + col;

    return src->first + at * dtype_info(src->dtype)->size;
}

/*
 * Moves what becomes rows x cols of the tensor, from row and col of src on, to
 * dst, where rows are pitch elements apart.
 */
static void move(struct run *r, size_t tensor, const struct source *src,
                 uint64_t row, uint64_t col, uint64_t rows, uint64_t cols,
                 void *dst, uint64_t pitch)
{
    const struct plan_tensor *t = &r->plan->tensors[tensor];
    struct kernel_tile tile = {
        .src = element(src, t, row, col),
        .dst = dst,
        .rows = (size_t)(t->model->transpose ? cols : rows),
        .cols = (size_t)(t->model->transpose ? rows : cols),
        .src_pitch = src->pitch,
        .dst_pitch = (size_t)pitch,
        .src_dtype = src->dtype,
        .dst_dtype = t->dtype,
        .transpose = t->model->transpose,
    };

    count_overflow(r, tensor, kernel_move(&tile));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (uint64_t i = 0; i < rows; i++)
        dtype_swap(t->dtype,
                   (unsigned char *)dst +
                       i * pitch * dtype_info(t->dtype)->size,
                   (size_t)cols);
#endif
}

/* Writes a patch of a tensor; rows of data are pitch elements apart. */
static int write_patch(struct run *r, const struct plan_tensor *t,
                       const struct patch *p, const unsigned char *data,
                       uint64_t pitch, struct error *err)
{
    uint64_t size = dtype_info(t->dtype)->size;
    uint64_t offset = t->offset + (p->row * p->pitch + p->col) * size;
    bool whole = p->cols == p->pitch && p->cols == pitch;
    uint64_t writes = whole ? 1 : p->rows;
    uint64_t len = p->cols * size * (whole ? p->rows : 1);
    int rc = convert_check_stop(r, err);

    for (uint64_t i = 0; i < writes && !rc; i++)
        rc = sink_write(r->files[t->file], offset + i * p->pitch * size,
                        data + i * pitch * size, (size_t)len, err);
    if (!rc && r->options->progress)
        atomic_fetch_add(&r->options->progress->bytes_done, writes * len);
    return rc;
}

/* Whether a tensor holds an array's bytes as they are. */
static bool is_copy(const struct plan_tensor *t, const struct source *src)
{
    return !t->model->transpose && t->dtype == src->dtype &&
           __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

/* Moves and writes a tensor's patch in bands. */
static int write_bands(struct run *r, size_t tensor, const struct source *src,
                       const struct patch *p, struct workspace *ws,
                       struct error *err)
{
    const struct plan_tensor *t = &r->plan->tensors[tensor];
    uint64_t most = SCHEDULE_BAND / dtype_info(t->dtype)->size;
    uint64_t wide = num_min(p->cols, most);
    uint64_t high = num_min(p->rows, most / wide);
    bool copy = is_copy(t, src);
    int rc = copy ? 0 : workspace_reserve(ws, SCHEDULE_BAND, err);

    for (uint64_t row = 0; row < p->rows && !rc; row += high)
        for (uint64_t col = 0; col < p->cols && !rc; col += wide) {
            struct patch band = {
                .row = p->row + row,
                .col = p->col + col,
                .rows = num_min(high, p->rows - row),
                .cols = num_min(wide, p->cols - col),
                .pitch = p->pitch,
            };

            if (copy) {
                rc = write_patch(r, t, &band, element(src, t, row, col),
                                 src->pitch, err);
                continue;
            }
            move(r, tensor, src, row, col, band.rows, band.cols, ws->out,
                 band.cols);
            rc = write_patch(r, t, &band, ws->out, band.cols, err);
        }
    return rc;
}

/* A task of one chunk. */
static int run_single(struct run *r, const struct task *task,
                      struct workspace *ws, struct error *err)
{
    const struct work *w = task->work;
    const struct box box = grid_elements(&w->grid, &task->chunks);
    const void *data = NULL;
    int rc = read_chunk(r, task, &task->chunks, ws, &data, err);

    for (size_t i = 0; !rc; i++) {
        i = schedule_taker(r->plan, w, &box, i);
        if (i == w->tensor_count)
            break;

        const struct plan_tensor *t = &r->plan->tensors[w->tensors[i]];
        const struct source src = source_of(w, &box, t, data);
        const struct patch p = grid_patch(&w->grid, &box, t->model->transpose);

        rc = write_bands(r, w->tensors[i], &src, &p, ws, err);
    }
    if (!rc)
        count_chunk(r);
    return rc;
}

/* Bytes that a tensor's part of a joined task takes in memory. */
static size_t part_bytes(const struct plan_tensor *t, const struct patch *p)
{
    uint64_t bytes = p->rows * p->cols * dtype_info(t->dtype)->size;

    return (size_t)(num_ceil_div(bytes, SCHEDULE_ALIGN) * SCHEDULE_ALIGN);
}

/* What join() does for each tensor's part. */
enum step { STEP_MEASURE, STEP_MOVE, STEP_WRITE };

/*
 * Goes through the parts of a joined task, which lie one behind the other in
 * the workspace: adds up their bytes in *total, or moves a chunk's elements
 * into them, or writes them.
 */
static int join(struct run *r, const struct task *task, struct workspace *ws,
                enum step step, const struct box *chunk, const void *data,
                size_t *total, struct error *err)
{
    const struct work *w = task->work;
    const struct box box = grid_elements(&w->grid, &task->chunks);
    size_t at = 0;
    int rc = 0;

    for (size_t i = 0; !rc; i++) {
        i = schedule_taker(r->plan, w, &box, i);
        if (i == w->tensor_count)
            break;

        const struct plan_tensor *t = &r->plan->tensors[w->tensors[i]];
        const struct patch p = grid_patch(&w->grid, &box, t->model->transpose);

        if (step == STEP_MOVE) {
            const struct source src = source_of(w, chunk, t, data);
            const struct patch q =
                grid_patch(&w->grid, chunk, t->model->transpose);
            uint64_t skip = (q.row - p.row) * p.cols + (q.col - p.col);

            move(r, w->tensors[i], &src, 0, 0, q.rows, q.cols,
                 ws->out + at + skip * dtype_info(t->dtype)->size, p.cols);
        } else if (step == STEP_WRITE) {
            rc = write_patch(r, t, &p, ws->out + at, p.cols, err);
        }
        at += part_bytes(t, &p);
    }
    *total = at;
    return rc;
}

/* A task of several chunks side by side. */
static int run_joined(struct run *r, const struct task *task,
                      struct workspace *ws, struct error *err)
{
    const struct work *w = task->work;
    struct box at = task->chunks;
    size_t total = 0;
    int rc = join(r, task, ws, STEP_MEASURE, NULL, NULL, &total, err);

    if (!rc)
        rc = workspace_reserve(ws, total, err);
    for (uint64_t i = task->chunks.from[w->along];
         i < task->chunks.to[w->along] && !rc; i++) {
        const void *data = NULL;
        struct box elements;

        at.from[w->along] = i;
        at.to[w->along] = i + 1;
        elements = grid_elements(&w->grid, &at);
        rc = read_chunk(r, task, &at, ws, &data, err);
        if (rc)
            break;
        rc = join(r, task, ws, STEP_MOVE, &elements, data, &total, err);
        count_chunk(r);
    }
    if (!rc)
        rc = join(r, task, ws, STEP_WRITE, NULL, NULL, &total, err);
    return rc;
}

int convert_task(struct run *r, const struct task *task, struct workspace *ws,
                 struct error *err)
{
    unsigned along = task->work->along;

    if (task->chunks.to[along] - task->chunks.from[along] == 1)
        return run_single(r, task, ws, err);
    return run_joined(r, task, ws, err);
}
