/*
 * Doing a task: read chunks, move what tensors take of them, write.
 *
 * Each chunk is read once. What tensors take of it goes out in bands that stay
 * in the cache. A task of several chunks (schedule.c says why) keeps them, as
 * they were decoded, until the last is there, and a band is made of all of
 * them: so it is a long stretch of the file. Where neither the dtype nor the
 * order of the elements changes, a chunk's bytes are written from where they
 * were decoded.
 */
#include "convert_task.h"

#include <string.h>

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

/* How many chunks a task covers. */
static uint64_t chunks_of(const struct task *task)
{
    unsigned along = task->work->along;

    return task->chunks.to[along] - task->chunks.from[along];
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

static void cut_band(const struct plan_tensor *t, const struct patch *p,
                     struct patch *band)
{
    uint64_t most = SCHEDULE_BAND / dtype_info(t->dtype)->size;
    uint64_t wide = num_min(p->cols, most);

    band->rows = num_min(most / wide, p->row + p->rows - band->row);
    band->cols = num_min(wide, p->col + p->cols - band->col);
}

/* The first band of a patch; false if it is empty. */
static bool first_band(const struct plan_tensor *t, const struct patch *p,
                       struct patch *band)
{
    *band = *p;
    if (p->rows == 0 || p->cols == 0)
        return false;
    cut_band(t, p, band);
    return true;
}

/* The band behind this one: to the right, or further down. */
static bool next_band(const struct plan_tensor *t, const struct patch *p,
                      struct patch *band)
{
    band->col += band->cols;
    if (band->col == p->col + p->cols) {
        band->col = p->col;
        band->row += band->rows;
        if (band->row == p->row + p->rows)
            return false;
    }
    cut_band(t, p, band);
    return true;
}

/* Moves and writes a tensor's patch in bands. */
static int write_bands(struct run *r, size_t tensor, const struct source *src,
                       const struct patch *p, struct workspace *ws,
                       struct error *err)
{
    const struct plan_tensor *t = &r->plan->tensors[tensor];
    bool copy = is_copy(t, src);
    int rc = copy ? 0 : workspace_reserve(ws, SCHEDULE_BAND, err);
    struct patch band;

    for (bool more = first_band(t, p, &band); more && !rc;
         more = next_band(t, p, &band)) {
        uint64_t row = band.row - p->row;
        uint64_t col = band.col - p->col;

        if (copy) {
            rc = write_patch(r, t, &band, element(src, t, row, col), src->pitch,
                             err);
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

/* A chunk of a joined task, decoded. */
static const void *kept(const struct task *task, const struct workspace *ws,
                        uint64_t i, const void *last)
{
    uint64_t count = chunks_of(task);

    return i + 1 == count ? last
                          : ws->out + SCHEDULE_BAND +
                                i * array_chunk_bytes(task->work->array);
}

/* The elements of a joined task's chunk i. */
static struct box elements_of(const struct task *task, uint64_t i)
{
    unsigned along = task->work->along;
    struct box at = task->chunks;

    at.from[along] += i;
    at.to[along] = at.from[along] + 1;
    return grid_elements(&task->work->grid, &at);
}

/* Moves what the chunks of a joined task have of a band into it. */
static void fill_band(struct run *r, const struct task *task, size_t tensor,
                      const struct patch *band, struct workspace *ws,
                      const void *last)
{
    const struct work *w = task->work;
    const struct plan_tensor *t = &r->plan->tensors[tensor];
    size_t size = dtype_info(t->dtype)->size;

    for (uint64_t i = 0; i < chunks_of(task); i++) {
        const struct box box = elements_of(task, i);
        const struct patch q = grid_patch(&w->grid, &box, t->model->transpose);
        const struct source src =
            source_of(w, &box, t, kept(task, ws, i, last));
        uint64_t row = num_max(q.row, band->row);
        uint64_t col = num_max(q.col, band->col);
        uint64_t down = num_min(q.row + q.rows, band->row + band->rows);
        uint64_t right = num_min(q.col + q.cols, band->col + band->cols);

        if (row < down && col < right)
            move(r, tensor, &src, row - q.row, col - q.col, down - row,
                 right - col,
                 ws->out +
                     ((row - band->row) * band->cols + col - band->col) * size,
                 band->cols);
    }
}

/* Writes a tensor's part of a joined task in bands. */
static int write_joined(struct run *r, const struct task *task, size_t tensor,
                        struct workspace *ws, const void *last,
                        struct error *err)
{
    const struct plan_tensor *t = &r->plan->tensors[tensor];
    const struct box box = grid_elements(&task->work->grid, &task->chunks);
    const struct patch p =
        grid_patch(&task->work->grid, &box, t->model->transpose);
    struct patch band;
    int rc = 0;

    for (bool more = first_band(t, &p, &band); more && !rc;
         more = next_band(t, &p, &band)) {
        fill_band(r, task, tensor, &band, ws, last);
        rc = write_patch(r, t, &band, ws->out, band.cols, err);
    }
    return rc;
}

/* Reads all chunks of a joined task; all but the last are copied to be kept. */
static int read_joined(struct run *r, const struct task *task,
                       struct workspace *ws, const void **last,
                       struct error *err)
{
    const struct work *w = task->work;
    uint64_t bytes = array_chunk_bytes(w->array);
    struct box at = task->chunks;
    int rc = workspace_reserve(
        ws, SCHEDULE_BAND + (size_t)((chunks_of(task) - 1) * bytes), err);

    for (uint64_t i = 0; i < chunks_of(task) && !rc; i++) {
        at.from[w->along] = task->chunks.from[w->along] + i;
        at.to[w->along] = at.from[w->along] + 1;
        rc = read_chunk(r, task, &at, ws, last, err);
        if (!rc && i + 1 < chunks_of(task))
            memcpy(ws->out + SCHEDULE_BAND + i * bytes, *last, (size_t)bytes);
        if (!rc)
            count_chunk(r);
    }
    return rc;
}

/* A task of several chunks side by side. */
static int run_joined(struct run *r, const struct task *task,
                      struct workspace *ws, struct error *err)
{
    const struct work *w = task->work;
    const struct box box = grid_elements(&w->grid, &task->chunks);
    const void *last = NULL;
    int rc = read_joined(r, task, ws, &last, err);

    for (size_t i = 0; !rc; i++) {
        i = schedule_taker(r->plan, w, &box, i);
        if (i == w->tensor_count)
            break;
        rc = write_joined(r, task, w->tensors[i], ws, last, err);
    }
    return rc;
}

int convert_task(struct run *r, const struct task *task, struct workspace *ws,
                 struct error *err)
{
    uint64_t chunk = array_chunk_bytes(task->work->array);

    workspace_fit(ws, chunk, SCHEDULE_BAND + (chunks_of(task) - 1) * chunk);
    if (chunks_of(task) == 1)
        return run_single(r, task, ws, err);
    return run_joined(r, task, ws, err);
}
