/*
 * The kernels for x86-64 with AVX2 and F16C: the casts and transposes that
 * models are made of. Whatever is not here, and what is left over at the edges,
 * the plain kernels do.
 *
 * The transposes never move data between the two lanes of a register. The upper
 * lane is loaded from the rows half a block further down, so that transposing
 * each lane by itself leaves whole rows of the result, ready to store.
 *
 * Only these functions are compiled for AVX2, by attribute, so the program
 * starts on any x86-64.
 */
#include "tensor/kernel_impl.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,f16c")))
#define AVX2_INLINE __attribute__((target("avx2,f16c"), always_inline)) inline

AVX2_INLINE static __m256i load_lanes(const void *low, const void *high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                   _mm_loadu_si128(high), 1);
}

AVX2_INLINE static void store(void *dst, __m256i v)
{
    _mm256_storeu_si256(dst, v);
}

/* 16 rows x 8 columns. */
AVX2_INLINE static void block_16(const uint16_t *src, uint16_t *dst, size_t sp,
                                 size_t dp)
{
    __m256i v[8], w[8];

    for (size_t i = 0; i < 8; i++)
        v[i] = load_lanes(src + i * sp, src + (i + 8) * sp);
    for (size_t i = 0; i < 4; i++) {
        w[2 * i] = _mm256_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
        w[2 * i + 1] = _mm256_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) {
        v[i] = _mm256_unpacklo_epi32(w[i], w[i + 2]);
        v[i + 1] = _mm256_unpackhi_epi32(w[i], w[i + 2]);
        v[i + 2] = _mm256_unpacklo_epi32(w[i + 1], w[i + 3]);
        v[i + 3] = _mm256_unpackhi_epi32(w[i + 1], w[i + 3]);
    }
    for (size_t i = 0; i < 4; i++) {
        store(dst + 2 * i * dp, _mm256_unpacklo_epi64(v[i], v[i + 4]));
        store(dst + (2 * i + 1) * dp, _mm256_unpackhi_epi64(v[i], v[i + 4]));
    }
}

/* 8 rows x 4 columns. */
AVX2_INLINE static void block_32(const uint32_t *src, uint32_t *dst, size_t sp,
                                 size_t dp)
{
    __m256i v[4], w[4];

    for (size_t i = 0; i < 4; i++)
        v[i] = load_lanes(src + i * sp, src + (i + 4) * sp);
    w[0] = _mm256_unpacklo_epi32(v[0], v[1]);
    w[1] = _mm256_unpackhi_epi32(v[0], v[1]);
    w[2] = _mm256_unpacklo_epi32(v[2], v[3]);
    w[3] = _mm256_unpackhi_epi32(v[2], v[3]);
    store(dst, _mm256_unpacklo_epi64(w[0], w[2]));
    store(dst + dp, _mm256_unpackhi_epi64(w[0], w[2]));
    store(dst + 2 * dp, _mm256_unpacklo_epi64(w[1], w[3]));
    store(dst + 3 * dp, _mm256_unpackhi_epi64(w[1], w[3]));
}

/* 4 rows x 2 columns. */
AVX2_INLINE static void block_64(const uint64_t *src, uint64_t *dst, size_t sp,
                                 size_t dp)
{
    __m256i v = load_lanes(src, src + 2 * sp);
    __m256i w = load_lanes(src + sp, src + 3 * sp);

    store(dst, _mm256_unpacklo_epi64(v, w));
    store(dst + dp, _mm256_unpackhi_epi64(v, w));
}

/*
 * Blocks in an order that finishes cache lines of src (64 bytes across) and of
 * dst (BAND rows down) before it moves on; then the right and lower edges.
 */
enum { LINE = 64, BAND = 128 };

#define TRANSPOSE(bits, type, height, width)                                   \
    AVX2 static void transpose_##bits(const void *from, void *to, size_t rows, \
                                      size_t cols, size_t src_pitch,           \
                                      size_t dst_pitch)                        \
    {                                                                          \
        const kernel_transpose_fn rest =                                       \
            kernel_plain.transpose[__builtin_ctzl(sizeof(type))];              \
        const type *src = from;                                                \
        type *dst = to;                                                        \
        size_t down = rows - rows % (height);                                  \
        size_t across = cols - cols % (width);                                 \
        size_t r1, c1;                                                         \
                                                                               \
        for (size_t r0 = 0; r0 < down; r0 = r1) {                              \
            r1 = down - r0 < BAND ? down : r0 + BAND;                          \
            for (size_t c0 = 0; c0 < across; c0 = c1) {                        \
                c1 = across - c0 < LINE / sizeof(type)                         \
                         ? across                                              \
                         : c0 + LINE / sizeof(type);                           \
                for (size_t r = r0; r < r1; r += (height))                     \
                    for (size_t c = c0; c < c1; c += (width))                  \
                        block_##bits(src + r * src_pitch + c,                  \
                                     dst + c * dst_pitch + r, src_pitch,       \
                                     dst_pitch);                               \
            }                                                                  \
        }                                                                      \
        if (across < cols)                                                     \
            rest(src + across, dst + across * dst_pitch, down, cols - across,  \
                 src_pitch, dst_pitch);                                        \
        if (down < rows)                                                       \
            rest(src + down * src_pitch, dst + down, rows - down, cols,        \
                 src_pitch, dst_pitch);                                        \
    }

TRANSPOSE(16, uint16_t, 16, 8)
TRANSPOSE(32, uint32_t, 8, 4)
TRANSPOSE(64, uint64_t, 4, 2)

/* The tail that does not fill a register. */
static uint64_t cast_rest(enum dtype from, enum kernel_target to,
                          const void *src, void *dst, size_t n)
{
    return n ? kernel_plain.cast[from][to](src, dst, n) : 0;
}

AVX2 static uint64_t bf16_to_f32(const void *from, void *to, size_t n)
{
    const uint16_t *src = from;
    float *dst = to;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        store(dst + i, _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(
                                             (const void *)(src + i))),
                                         16));
    return cast_rest(DTYPE_BF16, KERNEL_TO_F32, src + i, dst + i, n - i);
}

AVX2 static uint64_t f16_to_f32(const void *from, void *to, size_t n)
{
    const uint16_t *src = from;
    float *dst = to;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(
            dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(src + i))));
    return cast_rest(DTYPE_F16, KERNEL_TO_F32, src + i, dst + i, n - i);
}

AVX2_INLINE static __m256i magnitude(__m256i v)
{
    return _mm256_and_si256(v, _mm256_set1_epi32(0x7fffffff));
}

/* All ones (-1) in the elements whose magnitude is in [least, infinity). */
AVX2_INLINE static __m256i overflows(__m256i size, int least)
{
    return _mm256_and_si256(
        _mm256_cmpgt_epi32(size, _mm256_set1_epi32(least - 1)),
        _mm256_cmpgt_epi32(_mm256_set1_epi32(0x7f800000), size));
}

/* Minus the sum of eight counts of -1; each holds less than 2^31. */
AVX2_INLINE static uint64_t count(__m256i v)
{
    int32_t lanes[8];
    int64_t sum = 0;

    if (_mm256_testz_si256(v, v))
        return 0;
    _mm256_storeu_si256((void *)lanes, v);
    for (size_t i = 0; i < 8; i++)
        sum -= lanes[i];
    return (uint64_t)sum;
}

/* Eight float32 to bfloat16 in the lower halves; *over grows by -1 each. */
AVX2_INLINE static __m256i round_bf16(__m256i v, __m256i *over)
{
    __m256i size = magnitude(v);
    __m256i nan = _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x7f800000));
    __m256i even =
        _mm256_and_si256(_mm256_srli_epi32(v, 16), _mm256_set1_epi32(1));
    __m256i near =
        _mm256_add_epi32(v, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    __m256i quiet = _mm256_or_si256(v, _mm256_set1_epi32(0x400000));

    *over = _mm256_add_epi32(*over, overflows(size, 0x7f7f8000));
    return _mm256_srli_epi32(_mm256_blendv_epi8(near, quiet, nan), 16);
}

/* So many elements at most between two readings of the counts. */
enum { STRETCH = 1 << 20 };

AVX2 static uint64_t f32_to_bf16(const void *from, void *to, size_t n)
{
    const float *src = from;
    uint16_t *dst = to;
    uint64_t total = 0;
    size_t i = 0;
    size_t end;
    __m256i over, a, b;

    while (n - i >= 16) {
        end = n - i < STRETCH ? n : i + STRETCH;
        over = _mm256_setzero_si256();
        for (; i + 16 <= end; i += 16) {
            a = _mm256_loadu_si256((const void *)(src + i));
            b = _mm256_loadu_si256((const void *)(src + i + 8));
            a = _mm256_packus_epi32(round_bf16(a, &over), round_bf16(b, &over));
            store(dst + i, _mm256_permute4x64_epi64(a, 0xd8));
        }
        total += count(over);
    }
    return total +
           cast_rest(DTYPE_F32, KERNEL_TO_BF16, src + i, dst + i, n - i);
}

AVX2 static uint64_t f32_to_f16(const void *from, void *to, size_t n)
{
    const float *src = from;
    uint16_t *dst = to;
    uint64_t total = 0;
    size_t i = 0;
    size_t end;
    __m256i over;
    __m256 v;

    while (n - i >= 8) {
        end = n - i < STRETCH ? n : i + STRETCH;
        over = _mm256_setzero_si256();
        for (; i + 8 <= end; i += 8) {
            v = _mm256_loadu_ps(src + i);
            over = _mm256_add_epi32(
                over, overflows(magnitude(_mm256_castps_si256(v)), 0x477ff000));
            _mm_storeu_si128((void *)(dst + i),
                             _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
        }
        total += count(over);
    }
    return total + cast_rest(DTYPE_F32, KERNEL_TO_F16, src + i, dst + i, n - i);
}

static const struct kernel_ops ops = {
    .name = "avx2",
    .transpose = { NULL, transpose_16, transpose_32, transpose_64, NULL },
    .cast = {
        [DTYPE_BF16][KERNEL_TO_F32] = bf16_to_f32,
        [DTYPE_F16][KERNEL_TO_F32] = f16_to_f32,
        [DTYPE_F32][KERNEL_TO_BF16] = f32_to_bf16,
        [DTYPE_F32][KERNEL_TO_F16] = f32_to_f16,
    },
};

const struct kernel_ops *kernel_avx2(void)
{
    unsigned a, b, c = 0, d;

    /* clang 14 does not know "f16c" as a feature to ask for. */
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__get_cpuid(1, &a, &b, &c, &d))
        return NULL;
    return c & bit_F16C ? &ops : NULL;
}

#else

const struct kernel_ops *kernel_avx2(void)
{
    return NULL;
}

#endif
