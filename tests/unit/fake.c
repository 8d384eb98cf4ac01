/*
 * Fake arrays and what is expected of them. Everything here works element by
 * element, from the definitions in the headers, and shares no code with what
 * it is compared with but the cast of one element (test_kernel.c checks that).
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/kernel.h"
#include "unit.h"

static uint64_t random_state = 88172645463325252U;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

uint64_t fake_random(void)
{
    return mix(random_state++);
}

uint64_t fake_below(uint64_t n)
{
    return fake_random() % n;
}

/* The element at a linear index of an array. */
static void value(const struct fake *f, uint64_t at, unsigned char *dst)
{
    size_t size = dtype_info(f->base.dtype)->size;
    uint64_t bits[2] = { mix(f->seed + at), mix(f->seed ^ at) };

    memcpy(dst, bits, size);
}

/* Coordinates of a number in a shape, C order. */
static void unravel(uint64_t i, const uint64_t *shape, unsigned rank,
                    uint64_t *at)
{
    for (unsigned d = rank; d-- > 0;) {
        at[d] = i % shape[d];
        i /= shape[d];
    }
}

static void fill_chunk(const struct fake *f, uint64_t index, unsigned char *dst)
{
    const struct array *a = &f->base;
    size_t size = dtype_info(a->dtype)->size;
    uint64_t n = array_chunk_bytes(a) / size;
    uint64_t grid[ARRAY_MAX_RANK], at[ARRAY_MAX_RANK], in[ARRAY_MAX_RANK];

    for (unsigned d = 0; d < a->rank; d++)
        grid[d] = array_grid(a, d);
    unravel(index, grid, a->rank, at);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t linear = 0;
        bool inside = true;

        unravel(i, a->chunk, a->rank, in);
        for (unsigned d = 0; d < a->rank; d++) {
            uint64_t x = at[d] * a->chunk[d] + in[d];

            inside = inside && x < a->shape[d];
            linear = linear * a->shape[d] + x;
        }
        if (index == f->absent)
            memset(dst + i * size, 0, size);
        else if (inside)
            value(f, linear, dst + i * size);
        else
            memset(dst + i * size, 0xee, size);
    }
}

static int fake_read(const struct array *a, uint64_t index,
                     enum array_missing how, struct scratch *s,
                     const void **data, bool *missing, struct error *err)
{
    const struct fake *f = (const struct fake *)a;
    int rc = scratch_room(&s->out, (size_t)array_chunk_bytes(a), err);

    if (rc)
        return rc;
    atomic_fetch_add(&f->reads[index], 1);
    if (f->cancel)
        atomic_store(f->cancel, true);
    if (f->now) {
        unsigned n = atomic_fetch_add(f->now, 1) + 1;
        unsigned most = atomic_load(f->together);

        while (n > most && !atomic_compare_exchange_weak(f->together, &most, n))
            ;
        usleep(3000); /* long enough for others to come */
    }
    if (index == f->fails)
        return error_set(err, ERR_CHUNK, "chunk %llu of %s is damaged",
                         (unsigned long long)index, a->name);
    if (index == f->absent && how == ARRAY_MISSING_ERROR)
        return error_set(err, ERR_CHUNK_MISSING, "chunk of %s is missing",
                         a->name);
    fill_chunk(f, index, s->out.data);
    *missing = index == f->absent;
    *data = s->out.data;
    if (f->now)
        atomic_fetch_sub(f->now, 1);
    return 0;
}

static void fake_free(struct array *a)
{
    free(((struct fake *)a)->reads);
}

const struct array_ops fake_ops = { .read_chunk = fake_read,
                                    .free = fake_free };

void fake_plan_init(struct fake_plan *f)
{
    memset(f, 0, sizeof *f);
    f->checkpoint.arrays = f->arrays;
    f->model.tensors = f->model_tensors;
    f->plan.checkpoint = &f->checkpoint;
    f->plan.model = &f->model;
    f->plan.files = f->files;
    f->plan.tensors = f->tensors;
    f->plan.by_array = f->by_array;
    f->plan.by_file = f->by_file;
    f->plan.array_first = f->array_first;
}

void fake_plan_done(struct fake_plan *f)
{
    for (size_t i = 0; i < f->checkpoint.count; i++)
        fake_free(f->arrays[i]);
    for (size_t i = 0; i < f->plan.file_count; i++)
        buf_done(&f->files[i].head);
}

struct fake *fake_add_array(struct fake_plan *f, enum dtype dtype,
                            unsigned rank, const uint64_t *shape,
                            const uint64_t *chunk)
{
    size_t n = f->checkpoint.count++;
    struct fake *a = &f->fakes[n];

    ck_assert_uint_lt(n, FAKE_MAX);
    snprintf(f->names[0][n], sizeof f->names[0][n], "a%zu", n);
    a->base.ops = &fake_ops;
    a->base.name = f->names[0][n];
    a->base.codec = "fake";
    a->base.dtype = dtype;
    a->base.rank = rank;
    for (unsigned d = 0; d < rank; d++) {
        a->base.shape[d] = shape[d];
        a->base.chunk[d] = chunk[d];
    }
    a->seed = fake_random();
    a->fails = UINT64_MAX;
    a->absent = UINT64_MAX;
    a->reads = calloc((size_t)array_chunks(&a->base) + 1, sizeof *a->reads);
    ck_assert_ptr_nonnull(a->reads);
    f->arrays[n] = &a->base;
    f->array_first[n + 1] = f->array_first[n];
    return a;
}

/* An array's shape as slices, rows and columns. */
static void shape3(const struct array *a, uint64_t shape[3])
{
    for (unsigned d = 0; d < 3; d++)
        shape[d] = d + a->rank < 3 ? 1 : a->shape[d + a->rank - 3];
}

void fake_add_tensor(struct fake_plan *f, int64_t expert, bool transpose,
                     enum dtype dtype)
{
    size_t array = f->checkpoint.count - 1;
    size_t n = f->plan.tensor_count++;
    struct model_tensor *m = &f->model_tensors[n];
    struct plan_tensor *t = &f->tensors[n];
    uint64_t shape[3];

    ck_assert_uint_lt(n, FAKE_MAX);
    snprintf(f->names[1][n], sizeof f->names[1][n], "t%zu", n);
    shape3(f->arrays[array], shape);
    m->name = f->names[1][n];
    m->array = array;
    m->expert = expert;
    m->rank = 2;
    m->shape[0] = shape[transpose ? 2 : 1];
    m->shape[1] = shape[transpose ? 1 : 2];
    m->transpose = transpose;
    t->model = m;
    t->dtype = dtype;
    t->bytes = shape[1] * shape[2] * dtype_info(dtype)->size;
    f->model.count = n + 1;
    f->by_array[n] = n;
    f->array_first[array + 1] = n + 1;
}

static const enum dtype sources[] = {
    DTYPE_BOOL, DTYPE_I8,  DTYPE_U16,  DTYPE_I32,     DTYPE_I64,
    DTYPE_F16,  DTYPE_F32, DTYPE_BF16, DTYPE_F8_E5M2, DTYPE_F64,
};
static const enum dtype targets[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16 };

static enum dtype random_target(enum dtype from)
{
    enum dtype to = targets[fake_below(sizeof targets / sizeof *targets)];

    return fake_below(3) && kernel_can_cast(from, to) ? to : from;
}

void fake_add_random_array(struct fake_plan *f)
{
    enum dtype dtype = sources[fake_below(sizeof sources / sizeof *sources)];
    unsigned rank = (unsigned)fake_below(4);
    bool transpose = fake_below(2);
    uint64_t shape[3] = { 0 };
    uint64_t chunk[3] = { 0 };
    size_t n = 1 + fake_below(rank == 3 ? 6 : 3);

    for (unsigned d = 0; d < rank; d++) {
        shape[d] = 1 + fake_below(fake_below(2) ? 5 : 40);
        if (fake_below(40) == 0 && (rank < 3 || d > 0))
            shape[d] = 0;
        chunk[d] = 1 + fake_below(fake_below(2) ? 4 : shape[d] + 3);
    }
    fake_add_array(f, dtype, rank, shape, chunk);
    for (size_t i = 0; i < n; i++) {
        int64_t expert = rank == 3 ? (int64_t)fake_below(shape[0]) : -1;

        if (fake_below(8) == 0)
            transpose = !transpose;
        fake_add_tensor(f, expert, transpose, random_target(dtype));
    }
}

static void add_file(struct fake_plan *f, const char *head, size_t len)
{
    size_t n = f->plan.file_count++;
    struct plan_file *file = &f->files[n];

    snprintf(f->file_names[n], sizeof f->file_names[n], "f%zu", n);
    file->name = f->file_names[n];
    file->head = BUF_INIT(1000);
    buf_append(&file->head, head, len);
    file->size = len;
}

void fake_finish(struct fake_plan *f, size_t tensor_files)
{
    for (size_t i = 0; i < tensor_files; i++)
        add_file(f, "the head of a file of tensors", 8 * fake_below(4));
    for (size_t i = f->plan.tensor_count; i-- > 0;) {
        struct plan_tensor *t = &f->tensors[i];
        struct plan_file *file = &f->files[fake_below(tensor_files)];

        t->file = (uint32_t)(file - f->files);
        t->offset = file->size;
        file->size += t->bytes;
        f->plan.bytes += t->bytes;
    }
    for (size_t n = 0, file = 0; file < tensor_files; file++) {
        f->files[file].tensors = &f->by_file[n];
        for (size_t i = f->plan.tensor_count; i-- > 0;)
            if (f->tensors[i].file == file)
                f->by_file[n++] = i;
        f->files[file].tensor_count =
            (size_t)(&f->by_file[n] - f->files[file].tensors);
    }
    add_file(f, "a text", 6);
}

/* One element of a tensor, cast by itself. */
static uint64_t element(const struct fake *a, const struct plan_tensor *t,
                        uint64_t row, uint64_t col, unsigned char *dst)
{
    const struct model_tensor *m = t->model;
    _Alignas(16) unsigned char raw[16];
    _Alignas(16) unsigned char out[16];
    uint64_t overflowed;
    uint64_t shape[3], index[ARRAY_MAX_RANK];
    uint64_t slice = m->expert < 0 ? 0 : (uint64_t)m->expert;
    uint64_t chunk = 0;
    uint64_t linear;
    struct kernel_tile tile = {
        .src = raw,
        .dst = out,
        .rows = 1,
        .cols = 1,
        .src_pitch = 1,
        .dst_pitch = 1,
        .src_dtype = a->base.dtype,
        .dst_dtype = t->dtype,
    };

    shape3(&a->base, shape);
    linear = (slice * shape[1] + (m->transpose ? col : row)) * shape[2] +
             (m->transpose ? row : col);
    unravel(linear, a->base.shape, a->base.rank, index);
    for (unsigned d = 0; d < a->base.rank; d++)
        chunk = chunk * array_grid(&a->base, d) + index[d] / a->base.chunk[d];
    memset(raw, 0, sizeof raw);
    if (chunk != a->absent)
        value(a, linear, raw);
    overflowed = kernel_move(&tile);
    memcpy(dst, out, dtype_info(t->dtype)->size);
    return overflowed;
}

unsigned char *fake_expect(const struct fake_plan *f, size_t file,
                           uint64_t *overflowed)
{
    const struct plan_file *p = &f->files[file];
    unsigned char *data = malloc((size_t)p->size + 1);

    ck_assert_ptr_nonnull(data);
    memcpy(data, p->head.data ? (const void *)p->head.data : "", p->head.len);
    for (size_t i = 0; i < f->plan.tensor_count; i++) {
        const struct plan_tensor *t = &f->tensors[i];
        size_t size = dtype_info(t->dtype)->size;
        unsigned char *dst = data + t->offset;

        if (t->file != file)
            continue;
        for (uint64_t r = 0; r < t->model->shape[0]; r++)
            for (uint64_t c = 0; c < t->model->shape[1]; c++, dst += size)
                *overflowed +=
                    element(&f->fakes[t->model->array], t, r, c, dst);
    }
    return data;
}

uint64_t fake_wanted(const struct fake_plan *f, size_t array, bool *wanted)
{
    const struct array *a = f->arrays[array];
    uint64_t shape[3];
    uint64_t n = 0;

    shape3(a, shape);
    for (uint64_t c = 0; c < array_chunks(a); c++) {
        uint64_t slab =
            a->rank < 3 ? 0 : c / array_grid(a, 1) / array_grid(a, 2);
        uint64_t deep = a->rank < 3 ? 1 : a->chunk[0];
        bool want = false;

        for (size_t i = 0; i < f->plan.tensor_count; i++) {
            const struct model_tensor *m = &f->model_tensors[i];
            uint64_t slice = m->expert < 0 ? 0 : (uint64_t)m->expert;

            want = want || (m->array == array && slice / deep == slab);
        }
        n += want;
        if (wanted)
            wanted[c] = want;
    }
    return n;
}
