/*
 * The plain kernels: standard C for every CPU, and what the fast ones must
 * equal, bit for bit.
 *
 * Each source type is brought to float32 first, and from there to the target.
 * So that nothing is rounded twice, types that float32 cannot hold (float64
 * and the wide integers) come in two ways: rounded to nearest where float32 is
 * the target, and rounded to odd where a narrower type follows. Rounding to odd
 * truncates and then sets the last bit if anything was lost; with at least two
 * bits to spare, the second rounding then sees on which side of a tie the value
 * lies (S. Boldo, G. Melquiond, "When double rounding is odd", 2005).
 *
 * A NaN keeps its sign and the top of its payload, and is quieted where the
 * format changes by more than a shift, as x86 does.
 */
#include <string.h>

#include "tensor/kernel_impl.h"

/* Rows and columns of a block of the transposes. */
enum { BLOCK = 32 };

#define TRANSPOSE(name, type)                                                  \
    static void transpose_##name(const void *from, void *to, size_t rows,      \
                                 size_t cols, size_t src_pitch,                \
                                 size_t dst_pitch)                             \
    {                                                                          \
        const type *src = from;                                                \
        type *dst = to;                                                        \
        size_t r1, c1;                                                         \
                                                                               \
        for (size_t r0 = 0; r0 < rows; r0 = r1) {                              \
            r1 = rows - r0 < BLOCK ? rows : r0 + BLOCK;                        \
            for (size_t c0 = 0; c0 < cols; c0 = c1) {                          \
                c1 = cols - c0 < BLOCK ? cols : c0 + BLOCK;                    \
                for (size_t c = c0; c < c1; c++)                               \
                    for (size_t r = r0; r < r1; r++)                           \
                        dst[c * dst_pitch + r] = src[r * src_pitch + c];       \
            }                                                                  \
        }                                                                      \
    }

struct pair {
    uint64_t halves[2];
};

TRANSPOSE(8, uint8_t)
TRANSPOSE(16, uint16_t)
TRANSPOSE(32, uint32_t)
TRANSPOSE(64, uint64_t)
TRANSPOSE(128, struct pair)

#define F32_SIGN 0x80000000U
#define F32_INF 0x7f800000U
#define F32_QUIET 0x00400000U
/* The least magnitudes that round to infinity. */
#define F32_BF16_OVER 0x7f7f8000U
#define F32_F16_OVER 0x477ff000U   /* 65520 */
#define F32_F16_NORMAL 0x38800000U /* 2^-14 */

static inline uint32_t f32_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float f32_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

/* From exact sources to float32: nothing is ever lost. */

static inline float from_bool(uint8_t v)
{
    return v ? 1.0F : 0.0F;
}

static inline float from_small(int32_t v)
{
    return (float)v;
}

static inline float from_f32(float v)
{
    return v;
}

static inline float from_bf16(uint16_t v)
{
    return f32_of((uint32_t)v << 16);
}

static inline float from_f16(uint16_t v)
{
    uint32_t sign = (uint32_t)(v & 0x8000) << 16;
    uint32_t exponent = v >> 10 & 0x1f;
    uint32_t fraction = v & 0x3ff;
    float tiny;

    if (exponent == 0) {
        tiny = (float)fraction * 0x1p-24F;
        return f32_of(sign | f32_bits(tiny));
    }
    if (exponent == 0x1f)
        return f32_of(sign | F32_INF | fraction << 13 |
                      (fraction ? F32_QUIET : 0));
    return f32_of(sign | (exponent + 112) << 23 | fraction << 13);
}

/* float8_e5m2 is float16 without the last eight bits. */
static inline float from_e5m2(uint8_t v)
{
    return from_f16((uint16_t)(v << 8));
}

/* float8_e4m3fn has no infinities and one NaN of each sign. */
static inline float from_e4m3(uint8_t v)
{
    uint32_t sign = (uint32_t)(v & 0x80) << 24;
    uint32_t exponent = v >> 3 & 0xf;
    uint32_t fraction = v & 0x7;
    float tiny;

    if (exponent == 0) {
        tiny = (float)fraction * 0x1p-9F;
        return f32_of(sign | f32_bits(tiny));
    }
    if ((v & 0x7f) == 0x7f)
        return f32_of(sign | F32_INF | F32_QUIET);
    return f32_of(sign | (exponent + 120) << 23 | fraction << 20);
}

/* From wide sources: near rounds to nearest even, odd to odd. */

static inline float near_f64(double v)
{
    return (float)v;
}

static inline float odd_f64(double v)
{
    float near = (float)v;
    double back = near;
    uint32_t bits = f32_bits(near);
    bool away = v < 0 ? back < v : back > v;

    if (back == v || v != v)
        return near;
    return f32_of((away ? bits - 1 : bits) | 1);
}

static inline float near_i64(int64_t v)
{
    return (float)v;
}

static inline float near_u64(uint64_t v)
{
    return (float)v;
}

/* Folds what float64 has no room for into the last bit that it has. */
static inline double odd_double(uint64_t v)
{
    uint64_t low = v & 0x7ff;

    if (v >> 53)
        v = (v - low) | (low ? 0x800 : 0);
    return (double)v;
}

static inline float odd_u64(uint64_t v)
{
    return odd_f64(odd_double(v));
}

static inline float odd_i64(int64_t v)
{
    return v < 0 ? -odd_u64(0 - (uint64_t)v) : odd_u64((uint64_t)v);
}

/* From float32 to the target, to nearest even; *over counts overflows. */

static inline float to_f32(float v, uint64_t *over)
{
    (void)over;
    return v;
}

static inline uint16_t to_bf16(float v, uint64_t *over)
{
    uint32_t bits = f32_bits(v);
    uint32_t size = bits & ~F32_SIGN;

    if (size > F32_INF)
        return (uint16_t)((bits | F32_QUIET) >> 16);
    *over += size >= F32_BF16_OVER && size < F32_INF;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline uint16_t to_f16(float v, uint64_t *over)
{
    uint32_t bits = f32_bits(v);
    uint32_t size = bits & ~F32_SIGN;
    uint32_t sign = bits >> 16 & 0x8000;

    if (size > F32_INF)
        return (uint16_t)(sign | 0x7e00 | (size >> 13 & 0x3ff));
    if (size >= F32_F16_OVER) {
        *over += size < F32_INF;
        return (uint16_t)(sign | 0x7c00);
    }
    /* The sum with 0.5 has its last bit at 2^-24, as a subnormal has. */
    if (size < F32_F16_NORMAL)
        return (uint16_t)(sign |
                          (f32_bits(f32_of(size) + 0.5F) - f32_bits(0.5F)));
    size += 0xfff + (size >> 13 & 1);
    return (uint16_t)(sign | ((size - (112U << 23)) >> 13));
}

#define CAST(name, type, load, target, target_type)                            \
    static uint64_t name##_to_##target(const void *from, void *to, size_t n)   \
    {                                                                          \
        const type *src = from;                                                \
        target_type *dst = to;                                                 \
        uint64_t over = 0;                                                     \
                                                                               \
        for (size_t i = 0; i < n; i++)                                         \
            dst[i] = to_##target(load(src[i]), &over);                         \
        return over;                                                           \
    }

#define CASTS(name, type, near, odd)                                           \
    CAST(name, type, near, f32, float)                                         \
    CAST(name, type, odd, bf16, uint16_t)                                      \
    CAST(name, type, odd, f16, uint16_t)

/* float64 is the one source that float32 cannot hold in range either. */
static uint64_t f64_to_f32(const void *from, void *to, size_t n)
{
    const double *src = from;
    float *dst = to;
    uint64_t over = 0;

    for (size_t i = 0; i < n; i++) {
        dst[i] = near_f64(src[i]);
        over += __builtin_isinf(dst[i]) && !__builtin_isinf(src[i]);
    }
    return over;
}

CASTS(truth, uint8_t, from_bool, from_bool)
CASTS(i8, int8_t, from_small, from_small)
CASTS(u8, uint8_t, from_small, from_small)
CASTS(i16, int16_t, from_small, from_small)
CASTS(u16, uint16_t, from_small, from_small)
CASTS(i32, int32_t, near_f64, odd_f64)
CASTS(u32, uint32_t, near_f64, odd_f64)
CASTS(i64, int64_t, near_i64, odd_i64)
CASTS(u64, uint64_t, near_u64, odd_u64)
CASTS(e4m3, uint8_t, from_e4m3, from_e4m3)
CASTS(e5m2, uint8_t, from_e5m2, from_e5m2)
CASTS(f16, uint16_t, from_f16, from_f16)
CASTS(bf16, uint16_t, from_bf16, from_bf16)
CASTS(f32, float, from_f32, from_f32)
CAST(f64, double, odd_f64, bf16, uint16_t)
CAST(f64, double, odd_f64, f16, uint16_t)

#define ROW(name)                                                              \
    {                                                                          \
        name##_to_f32, name##_to_bf16, name##_to_f16                           \
    }

const struct kernel_ops kernel_plain = {
    .name = "plain",
    .transpose = { transpose_8, transpose_16, transpose_32, transpose_64,
                   transpose_128 },
    .cast = {
        [DTYPE_BOOL] = ROW(truth),
        [DTYPE_I8] = ROW(i8),
        [DTYPE_U8] = ROW(u8),
        [DTYPE_I16] = ROW(i16),
        [DTYPE_U16] = ROW(u16),
        [DTYPE_I32] = ROW(i32),
        [DTYPE_U32] = ROW(u32),
        [DTYPE_I64] = ROW(i64),
        [DTYPE_U64] = ROW(u64),
        [DTYPE_F8_E4M3FN] = ROW(e4m3),
        [DTYPE_F8_E5M2] = ROW(e5m2),
        [DTYPE_F16] = ROW(f16),
        [DTYPE_BF16] = ROW(bf16),
        [DTYPE_F32] = ROW(f32),
        [DTYPE_F64] = ROW(f64),
    },
};
