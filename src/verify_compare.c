/*
 * Elements as numbers: only where bytes differ is it looked at what they mean.
 */
#include "verify_compare.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "tensor/kernel.h"

enum { BLOCK = 256 };

/* The kinds of numbers that tensors are stored as. */
#define READER(name, type)                                                     \
    static double read_##name(const void *p)                                   \
    {                                                                          \
        type value;                                                            \
                                                                               \
        memcpy(&value, p, sizeof value);                                       \
        return (double)value;                                                  \
    }

READER(f32, float)
READER(f64, double)
READER(i8, int8_t)
READER(u8, uint8_t)
READER(i16, int16_t)
READER(u16, uint16_t)
READER(i32, int32_t)
READER(u32, uint32_t)
READER(i64, int64_t)
READER(u64, uint64_t)

static double (*const readers[DTYPE_COUNT])(const void *p) = {
    [DTYPE_BOOL] = read_u8, [DTYPE_I8] = read_i8,   [DTYPE_U8] = read_u8,
    [DTYPE_I16] = read_i16, [DTYPE_U16] = read_u16, [DTYPE_I32] = read_i32,
    [DTYPE_U32] = read_u32, [DTYPE_I64] = read_i64, [DTYPE_U64] = read_u64,
    [DTYPE_F32] = read_f32, [DTYPE_F64] = read_f64,
};

static void add(struct difference *d, double a, double b)
{
    double apart = fabs(a - b);

    if (isnan(a) || isnan(b))
        d->has_nan = true;
    else if (isnan(apart)) /* two infinities of one sign */
        apart = 0;
    if (apart > d->largest)
        d->largest = apart;
}

static bool same(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static void compare_block(enum dtype t, const char *a, const char *b, size_t n,
                          struct difference *d)
{
    size_t size = dtype_info(t)->size;

    for (size_t i = 0; i < n; i++) {
        if (same(a + i * size, b + i * size, size))
            continue;
        d->elements++;
        if (readers[t])
            add(d, readers[t](a + i * size), readers[t](b + i * size));
    }
}

/* Floats of 16 bits have no C type: they are widened first, exactly. */
static void compare_half(enum dtype t, const char *a, const char *b, size_t n,
                         struct difference *d)
{
    float wide[2][BLOCK];
    const char *from[2] = { a, b };

    for (int side = 0; side < 2; side++)
        kernel_move(&(struct kernel_tile){ .src = from[side],
                                           .dst = wide[side],
                                           .rows = 1,
                                           .cols = n,
                                           .src_pitch = n,
                                           .dst_pitch = n,
                                           .src_dtype = t,
                                           .dst_dtype = DTYPE_F32 });
    for (size_t i = 0; i < n; i++) {
        if (same(a + 2 * i, b + 2 * i, 2))
            continue;
        d->elements++;
        add(d, (double)wide[0][i], (double)wide[1][i]);
    }
}

void verify_compare(enum dtype t, const void *a, const void *b, size_t n,
                    struct difference *d)
{
    size_t size = dtype_info(t)->size;
    bool half = t == DTYPE_F16 || t == DTYPE_BF16;

    for (size_t i = 0; i < n; i += BLOCK) {
        size_t count = num_min(n - i, BLOCK);
        const char *x = (const char *)a + i * size;
        const char *y = (const char *)b + i * size;

        if (same(x, y, count * size))
            continue;
        if (half)
            compare_half(t, x, y, count, d);
        else
            compare_block(t, x, y, count, d);
    }
}
