/*
 * How fast the kernels are on this machine: GB/s of bytes read and written
 * together, of one core, beside memcpy. Each figure is the best of several
 * runs over the shapes that models have.
 *
 * usage: bench_kernel [plain]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tensor/kernel.h"

enum { BYTES = 128 << 20, RUNS = 7 };

struct shape {
    size_t rows, cols;
};

static const struct shape shapes[] = {
    { 768, 3072 }, { 3072, 768 }, { 4096, 4096 }, { 1024, 1000 }
};

struct move {
    enum dtype from, to;
    bool transpose;
};

static const struct move moves[] = {
    { DTYPE_F32, DTYPE_F32, true },   { DTYPE_BF16, DTYPE_BF16, true },
    { DTYPE_F64, DTYPE_F64, true },   { DTYPE_U8, DTYPE_U8, true },
    { DTYPE_BF16, DTYPE_F32, false }, { DTYPE_F16, DTYPE_F32, false },
    { DTYPE_F32, DTYPE_BF16, false }, { DTYPE_F32, DTYPE_F16, false },
    { DTYPE_F64, DTYPE_F32, false },  { DTYPE_F64, DTYPE_BF16, false },
    { DTYPE_I64, DTYPE_BF16, false }, { DTYPE_BF16, DTYPE_F32, true },
    { DTYPE_F32, DTYPE_BF16, true },  { DTYPE_F32, DTYPE_F16, true },
    { DTYPE_F16, DTYPE_BF16, false },
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double best_memcpy(const void *src, void *dst)
{
    double best = 1e9;

    for (int i = 0; i < RUNS; i++) {
        double start = now();

        memcpy(dst, src, BYTES);
        best = now() - start < best ? now() - start : best;
    }
    return 2.0 * BYTES / best * 1e-9;
}

/* As many matrices of the shape as fit, one after the other. */
static double best_move(const struct move *m, const struct shape *s,
                        const unsigned char *src, unsigned char *dst)
{
    size_t from = dtype_info(m->from)->size;
    size_t to = dtype_info(m->to)->size;
    size_t elements = s->rows * s->cols;
    size_t count = BYTES / (elements * (from > to ? from : to));
    double best = 1e9;

    for (int i = 0; i < RUNS; i++) {
        double start = now();

        for (size_t k = 0; k < count; k++) {
            struct kernel_tile tile = {
                .src = src + k * elements * from,
                .dst = dst + k * elements * to,
                .rows = s->rows,
                .cols = s->cols,
                .src_pitch = s->cols,
                .dst_pitch = m->transpose ? s->rows : s->cols,
                .src_dtype = m->from,
                .dst_dtype = m->to,
                .transpose = m->transpose,
            };

            kernel_move(&tile);
        }
        best = now() - start < best ? now() - start : best;
    }
    return (double)(count * elements * (from + to)) / best * 1e-9;
}

int main(int argc, char **argv)
{
    float *src = aligned_alloc(64, BYTES);
    unsigned char *dst = aligned_alloc(64, BYTES);

    if (!src || !dst)
        return EXIT_FAILURE;
    for (size_t i = 0; i < BYTES / sizeof *src; i++)
        src[i] = (float)(i % 1000) * 0.001F;
    memset(dst, 1, BYTES);
    kernel_force_plain(argc > 1 && strcmp(argv[1], "plain") == 0);
    printf("%-9s memcpy %6.1f GB/s\n", kernel_name(), best_memcpy(src, dst));
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) {
        const struct move *m = &moves[i];

        printf("%-9s %8s -> %-8s %s", kernel_name(), dtype_info(m->from)->name,
               dtype_info(m->to)->name, m->transpose ? "transposed" : "");
        for (size_t j = 0; j < sizeof shapes / sizeof *shapes; j++)
            printf("  %zux%zu %.1f", shapes[j].rows, shapes[j].cols,
                   best_move(m, &shapes[j], (const unsigned char *)src, dst));
        printf("\n");
    }
    free(src);
    free(dst);
    return EXIT_SUCCESS;
}
