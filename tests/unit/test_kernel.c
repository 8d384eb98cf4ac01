/*
 * tensor/kernel.c: every cast and transpose against slow and independent
 * definitions, and the fast variant against the plain one.
 *
 * The definition of rounding is a search: the finite values of a 16-bit format
 * in order, the two neighbours of a number, and the nearer of them.
 */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <stdint.h>

#include "kernel_fixture.h"
#include "tensor/kernel.h"

static uint64_t random_state = 88172645463325252U;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void fill_random(void *data, size_t len)
{
    unsigned char *p = data;

    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)(random_u64() >> 20);
}

static void *must_alloc(size_t len)
{
    void *p = malloc(len);

    ck_assert_ptr_nonnull(p);
    return p;
}

/* One row of n elements through kernel_move. */
static uint64_t cast_row(enum dtype from, enum dtype to, const void *src,
                         void *dst, size_t n)
{
    struct kernel_tile tile = {
        .src = src,
        .dst = dst,
        .rows = 1,
        .cols = n,
        .src_pitch = n,
        .dst_pitch = n,
        .src_dtype = from,
        .dst_dtype = to,
    };

    return kernel_move(&tile);
}

/* The value of 16 bits by the definition of the format. */
static double value16(enum dtype t, uint16_t bits)
{
    int mantissa = t == DTYPE_F16 ? 10 : 7;
    int bias = t == DTYPE_F16 ? 15 : 127;
    int exponent = (bits & 0x7fff) >> mantissa;
    int fraction = bits & ((1 << mantissa) - 1);
    double size = exponent ? ldexp((double)(fraction + (1 << mantissa)),
                                   exponent - bias - mantissa)
                           : ldexp((double)fraction, 1 - bias - mantissa);

    return bits & 0x8000 ? -size : size;
}

static uint16_t infinity16(enum dtype t)
{
    return t == DTYPE_F16 ? 0x7c00 : 0x7f80;
}

/* Nearest even of a number that is not NaN, by bisection and comparison. */
static uint16_t nearest16(enum dtype t, long double v)
{
    uint16_t low = 0;
    uint16_t high = infinity16(t);
    uint16_t sign = signbit(v) ? 0x8000 : 0;
    long double size = fabsl(v);
    long double middle;

    if (isinf(size))
        return sign | high;
    while (high - low > 1) {
        uint16_t mid = (uint16_t)((low + high) / 2);

        if ((long double)value16(t, mid) <= size)
            low = mid;
        else
            high = mid;
    }
    /* Infinity takes the place of the next power of two. */
    middle = ((long double)value16(t, low) + (long double)value16(t, high)) / 2;
    if (size > middle || (size == middle && (low & 1)))
        low = high;
    return sign | low;
}

static const enum dtype halves[] = { DTYPE_F16, DTYPE_BF16 };

START_TEST(test_all_halves_to_f32)
{
    uint16_t *src = must_alloc(65536 * sizeof *src);
    float *dst = must_alloc(65536 * sizeof *dst);
    uint16_t back;

    for (size_t i = 0; i < 65536; i++)
        src[i] = (uint16_t)i;
    for (size_t h = 0; h < 2; h++) {
        ck_assert_uint_eq(cast_row(halves[h], DTYPE_F32, src, dst, 65536), 0);
        for (unsigned i = 0; i < 65536; i++) {
            unsigned size = i & 0x7fff;
            uint16_t inf = infinity16(halves[h]);

            if (size > inf)
                ck_assert_msg(isnan(dst[i]), "%x", i);
            else if (size == inf)
                ck_assert_msg(isinf(dst[i]), "%x", i);
            else
                ck_assert_msg((double)dst[i] == value16(halves[h], src[i]),
                              "%x", i);
            ck_assert_int_eq(!!signbit(dst[i]), i >> 15);
            cast_row(DTYPE_F32, halves[h], &dst[i], &back, 1);
            ck_assert_msg(back == i || (size > inf && (back & 0x7fff) > inf),
                          "%x came back as %x", i, back);
        }
    }
    free(src);
    free(dst);
}
END_TEST

/* Around each value of the target and each middle between two of them. */
START_TEST(test_f32_rounding_boundaries)
{
    enum { AROUND = 5 };
    float src[2 * AROUND];
    uint16_t dst[2 * AROUND];

    for (size_t h = 0; h < 2; h++)
        for (unsigned i = 0; i < infinity16(halves[h]); i++) {
            double a = value16(halves[h], (uint16_t)i);
            double b = value16(halves[h], (uint16_t)(i + 1));
            float centre[2] = { (float)a, (float)((a + b) / 2) };

            for (unsigned k = 0; k < 2 * AROUND; k++) {
                uint32_t bits;

                memcpy(&bits, &centre[k / AROUND], sizeof bits);
                bits = bits + k % AROUND - (bits > 2 ? 2 : 0);
                bits |= i & 1 ? 0x80000000U : 0;
                memcpy(&src[k], &bits, sizeof bits);
            }
            cast_row(DTYPE_F32, halves[h], src, dst, 2 * AROUND);
            for (unsigned k = 0; k < 2 * AROUND; k++)
                ck_assert_msg(dst[k] ==
                                  nearest16(halves[h], (long double)src[k]),
                              "%a to %s: %x", (double)src[k],
                              dtype_info(halves[h])->name, dst[k]);
        }
}
END_TEST

START_TEST(test_f64_rounds_once)
{
    double src[6];
    uint16_t dst[6];

    for (size_t h = 0; h < 2; h++)
        for (unsigned i = 0; i < infinity16(halves[h]); i++) {
            double a = value16(halves[h], (uint16_t)i);
            double b = value16(halves[h], (uint16_t)(i + 1));
            double middle = (a + b) / 2;

            src[0] = middle;
            src[1] = nextafter(middle, INFINITY);
            src[2] = nextafter(middle, 0);
            src[3] = -nextafter(src[1], INFINITY);
            src[4] = nextafter(a, INFINITY);
            src[5] = -nextafter(b, 0);
            cast_row(DTYPE_F64, halves[h], src, dst, 6);
            for (unsigned k = 0; k < 6; k++)
                ck_assert_msg(dst[k] ==
                                  nearest16(halves[h], (long double)src[k]),
                              "%a to %s: %x", src[k],
                              dtype_info(halves[h])->name, dst[k]);
        }
}
END_TEST

/* Ties of every size, one more and one less, and random ones. */
static int64_t integer(unsigned i)
{
    unsigned shift = i % 63;

    switch (i / 63 % 5) {
    case 0:
        return (int64_t)(1ULL << shift);
    case 1:
        return (int64_t)((0x8080ULL << 48 >> (63 - shift)) + 1);
    case 2:
        return -(int64_t)(0x8180ULL << 48 >> (63 - shift));
    case 3:
        return (int64_t)((0x8080ULL << 48 >> (63 - shift)) - 1);
    default:
        return (int64_t)random_u64() >> shift;
    }
}

#define CHECK_INTEGERS(type, dtype)                                            \
    do                                                                         \
        for (unsigned i = 0; i < 20000; i++) {                                 \
            type v = (type)integer(i);                                         \
            float f;                                                           \
            uint16_t half;                                                     \
                                                                               \
            cast_row(dtype, DTYPE_F32, &v, &f, 1);                             \
            ck_assert_msg((long double)f ==                                    \
                              (long double)(float)(long double)v,              \
                          "%s %lld: %a", #type, (long long)v, (double)f);      \
            for (size_t h = 0; h < 2; h++) {                                   \
                uint64_t over = cast_row(dtype, halves[h], &v, &half, 1);      \
                                                                               \
                ck_assert_msg(half == nearest16(halves[h], (long double)v),    \
                              "%s %lld to %s: %x", #type, (long long)v,        \
                              dtype_info(halves[h])->name, half);              \
                ck_assert_uint_eq(over,                                        \
                                  (half & 0x7fff) == infinity16(halves[h]));   \
            }                                                                  \
        }                                                                      \
    while (0)

START_TEST(test_integers)
{
    CHECK_INTEGERS(int8_t, DTYPE_I8);
    CHECK_INTEGERS(uint8_t, DTYPE_U8);
    CHECK_INTEGERS(int16_t, DTYPE_I16);
    CHECK_INTEGERS(uint16_t, DTYPE_U16);
    CHECK_INTEGERS(int32_t, DTYPE_I32);
    CHECK_INTEGERS(uint32_t, DTYPE_U32);
    CHECK_INTEGERS(int64_t, DTYPE_I64);
    CHECK_INTEGERS(uint64_t, DTYPE_U64);
}
END_TEST

START_TEST(test_truth_values)
{
    const uint8_t src[] = { 0, 1, 255 };
    float f[3];
    uint16_t half[3];

    cast_row(DTYPE_BOOL, DTYPE_F32, src, f, 3);
    ck_assert(f[0] == 0 && f[1] == 1 && f[2] == 1);
    cast_row(DTYPE_BOOL, DTYPE_BF16, src, half, 3);
    ck_assert(half[0] == 0 && half[1] == 0x3f80 && half[2] == 0x3f80);
    cast_row(DTYPE_BOOL, DTYPE_F16, src, half, 3);
    ck_assert(half[0] == 0 && half[1] == 0x3c00 && half[2] == 0x3c00);
}
END_TEST

START_TEST(test_numpy_fixture)
{
    uint16_t half;
    uint32_t f32;

    for (size_t i = 0; i < sizeof fixture_f32 / sizeof *fixture_f32; i++) {
        cast_row(DTYPE_F32, DTYPE_F16, &fixture_f32[i].f32, &half, 1);
        ck_assert_msg(half == fixture_f32[i].f16, "%x", fixture_f32[i].f32);
        cast_row(DTYPE_F32, DTYPE_BF16, &fixture_f32[i].f32, &half, 1);
        ck_assert_msg(half == fixture_f32[i].bf16, "%x", fixture_f32[i].f32);
    }
    for (size_t i = 0; i < sizeof fixture_f64 / sizeof *fixture_f64; i++) {
        cast_row(DTYPE_F64, DTYPE_F16, &fixture_f64[i].f64, &half, 1);
        ck_assert_uint_eq(half, fixture_f64[i].f16);
        cast_row(DTYPE_F64, DTYPE_F32, &fixture_f64[i].f64, &f32, 1);
        ck_assert_uint_eq(f32, fixture_f64[i].f32);
    }
}
END_TEST

START_TEST(test_all_float8)
{
    static const struct {
        enum dtype dtype;
        const uint32_t *want;
    } cases[] = { { DTYPE_F8_E4M3FN, fixture_e4m3 },
                  { DTYPE_F8_E5M2, fixture_e5m2 } };

    for (size_t c = 0; c < 2; c++)
        for (unsigned i = 0; i < 256; i++) {
            uint8_t src = (uint8_t)i;
            float f;
            uint32_t bits;
            uint16_t half;

            cast_row(cases[c].dtype, DTYPE_F32, &src, &f, 1);
            memcpy(&bits, &f, sizeof bits);
            if (cases[c].want[i] == 0x7fc00000)
                ck_assert(isnan(f));
            else
                ck_assert_uint_eq(bits, cases[c].want[i]);
            for (size_t h = 0; h < 2; h++) {
                cast_row(cases[c].dtype, halves[h], &src, &half, 1);
                if (isnan(f))
                    ck_assert_int_gt(half & 0x7fff, infinity16(halves[h]));
                else
                    ck_assert_uint_eq(half,
                                      nearest16(halves[h], (long double)f));
            }
        }
}
END_TEST

/* Quieted, sign and the top of the payload kept, never infinity. */
START_TEST(test_nan)
{
    const uint32_t src[] = { 0x7f800001, 0xff800001, 0x7fffffff, 0xffabcdef };
    const uint16_t bf16[] = { 0x7fc0, 0xffc0, 0x7fff, 0xffeb };
    const uint16_t f16[] = { 0x7e00, 0xfe00, 0x7fff, 0xff5e };
    const uint64_t wide[] = { 0x7ff0000000000001, 0xfff8000000000000 };
    uint32_t many[16];
    uint16_t got[16];
    float f[2];

    for (int plain = 0; plain < 2; plain++) {
        kernel_force_plain(plain);
        for (size_t i = 0; i < 16; i++)
            many[i] = src[i % 4];
        ck_assert_uint_eq(cast_row(DTYPE_F32, DTYPE_BF16, many, got, 16), 0);
        for (size_t i = 0; i < 16; i++)
            ck_assert_uint_eq(got[i], bf16[i % 4]);
        ck_assert_uint_eq(cast_row(DTYPE_F32, DTYPE_F16, many, got, 16), 0);
        for (size_t i = 0; i < 16; i++)
            ck_assert_uint_eq(got[i], f16[i % 4]);
    }
    kernel_force_plain(false);
    ck_assert_uint_eq(cast_row(DTYPE_F64, DTYPE_F32, wide, f, 2), 0);
    ck_assert(isnan(f[0]) && isnan(f[1]) && signbit(f[1]));
    ck_assert_uint_eq(cast_row(DTYPE_F64, DTYPE_BF16, wide, got, 2), 0);
    ck_assert_uint_eq(got[0], 0x7fc0);
    ck_assert_uint_eq(got[1], 0xffc0);
}
END_TEST

START_TEST(test_overflow_is_counted)
{
    enum { N = 1003 };
    static const struct {
        enum dtype to;
        float over, under;
    } cases[] = { { DTYPE_F16, 65520.0F, 65519.996F },
                  { DTYPE_BF16, 0x1.ffp127F, 0x1.fefffep127F } };
    const double huge[] = { 1e39, -1e300, (double)FLT_MAX, INFINITY, NAN };
    float src[N];
    float f[5];
    uint16_t dst[N];

    for (int plain = 0; plain < 2; plain++) {
        kernel_force_plain(plain);
        for (size_t c = 0; c < 2; c++) {
            uint64_t want = 0;

            for (size_t i = 0; i < N; i++) {
                src[i] = i % 5 == 0   ? cases[c].over
                         : i % 5 == 1 ? cases[c].under
                         : i % 5 == 2 ? -FLT_MAX
                         : i % 5 == 3 ? INFINITY
                                      : NAN;
                want += i % 5 == 0 || i % 5 == 2;
            }
            ck_assert_uint_eq(cast_row(DTYPE_F32, cases[c].to, src, dst, N),
                              want);
            ck_assert_uint_eq(dst[0], infinity16(cases[c].to));
            ck_assert_uint_eq(dst[1], infinity16(cases[c].to) - 1);
        }
    }
    kernel_force_plain(false);
    ck_assert_uint_eq(cast_row(DTYPE_F64, DTYPE_F32, huge, f, 5), 2);
    ck_assert_uint_eq(cast_row(DTYPE_F64, DTYPE_BF16, huge, dst, 5), 3);
    ck_assert_uint_eq(cast_row(DTYPE_F64, DTYPE_F16, huge, dst, 5), 3);
}
END_TEST

/* A stretch beyond the fast variant's inner loop. */
START_TEST(test_overflow_count_of_many)
{
    size_t n = (5U << 20) + 3;
    float *src = must_alloc(n * sizeof *src);
    uint16_t *dst = must_alloc(n * sizeof *dst);

    for (size_t i = 0; i < n; i++)
        src[i] = 1e6F;
    ck_assert_uint_eq(cast_row(DTYPE_F32, DTYPE_F16, src, dst, n), n);
    for (size_t i = 0; i < n; i++)
        src[i] = FLT_MAX;
    ck_assert_uint_eq(cast_row(DTYPE_F32, DTYPE_BF16, src, dst, n), n);
    free(src);
    free(dst);
}
END_TEST

static const size_t edges[] = { 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33, 64, 131 };
enum { EDGES = sizeof edges / sizeof *edges, ROOM = 200 * 200 * 16 };

/* The definition: element by element. */
static void move_slowly(const struct kernel_tile *t)
{
    size_t from = dtype_info(t->src_dtype)->size;
    size_t to = dtype_info(t->dst_dtype)->size;

    for (size_t r = 0; r < t->rows; r++)
        for (size_t c = 0; c < t->cols; c++) {
            const unsigned char *src =
                (const unsigned char *)t->src + (r * t->src_pitch + c) * from;
            size_t at =
                t->transpose ? c * t->dst_pitch + r : r * t->dst_pitch + c;

            cast_row(t->src_dtype, t->dst_dtype, src,
                     (unsigned char *)t->dst + at * to, 1);
        }
}

/* Moves one shape slowly, plainly and fast, and compares whole buffers. */
static void check_shape(struct kernel_tile *t, size_t rows, size_t cols,
                        unsigned char *const bufs[3])
{
    size_t across = t->transpose ? rows : cols;
    size_t to = dtype_info(t->dst_dtype)->size;
    size_t span = ((t->transpose ? cols : rows) + 1) * (across + 5) * to;

    t->rows = rows;
    t->cols = cols;
    t->src_pitch = cols + rows % 3;
    t->dst_pitch = across + cols % 4;
    for (size_t i = 0; i < 3; i++) {
        memset(bufs[i], 0xa5, span);
        t->dst = bufs[i] + to;
        kernel_force_plain(i < 2);
        if (i == 0)
            move_slowly(t);
        else
            kernel_move(t);
    }
    for (size_t i = 1; i < 3; i++)
        ck_assert_msg(!memcmp(bufs[0], bufs[i], span),
                      "%s: %s to %s, %zu x %zu, transpose %d", kernel_name(),
                      dtype_info(t->src_dtype)->name,
                      dtype_info(t->dst_dtype)->name, rows, cols, t->transpose);
}

static void check_shapes(enum dtype from, enum dtype to, bool transpose)
{
    unsigned char *src = must_alloc(ROOM);
    unsigned char *bufs[3];
    struct kernel_tile t = { .src = src + dtype_info(from)->size,
                             .src_dtype = from,
                             .dst_dtype = to,
                             .transpose = transpose };

    fill_random(src, ROOM);
    for (size_t i = 0; i < 3; i++)
        bufs[i] = must_alloc(ROOM);
    for (size_t r = 0; r < EDGES; r++)
        for (size_t c = 0; c < EDGES; c++)
            check_shape(&t, edges[r], edges[c], bufs);
    check_shape(&t, 0, 5, bufs);
    check_shape(&t, 5, 0, bufs);
    for (size_t i = 0; i < 3; i++)
        free(bufs[i]);
    free(src);
}

START_TEST(test_same_dtype)
{
    static const enum dtype types[] = { DTYPE_U8, DTYPE_BF16, DTYPE_F32,
                                        DTYPE_F64, DTYPE_C128 };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        check_shapes(types[i], types[i], false);
        check_shapes(types[i], types[i], true);
    }
}
END_TEST

START_TEST(test_every_cast)
{
    static const enum dtype targets[] = { DTYPE_F32, DTYPE_BF16, DTYPE_F16 };

    for (int from = DTYPE_NONE + 1; from < DTYPE_COUNT; from++)
        for (size_t i = 0; i < 3; i++) {
            if (!kernel_can_cast((enum dtype)from, targets[i]))
                continue;
            check_shapes((enum dtype)from, targets[i], false);
            check_shapes((enum dtype)from, targets[i], true);
        }
}
END_TEST

START_TEST(test_what_can_be_cast)
{
    ck_assert(kernel_can_cast(DTYPE_C128, DTYPE_C128));
    ck_assert(kernel_can_cast(DTYPE_I4, DTYPE_I4));
    ck_assert(kernel_can_cast(DTYPE_I64, DTYPE_F16));
    ck_assert(!kernel_can_cast(DTYPE_F32, DTYPE_F64));
    ck_assert(!kernel_can_cast(DTYPE_C64, DTYPE_F32));
    ck_assert(!kernel_can_cast(DTYPE_I4, DTYPE_F32));
    ck_assert(!kernel_can_cast(DTYPE_NONE, DTYPE_NONE));
    kernel_force_plain(true);
    ck_assert_str_eq(kernel_name(), "plain");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_all_halves_to_f32,   test_f32_rounding_boundaries,
        test_f64_rounds_once,     test_integers,
        test_truth_values,        test_numpy_fixture,
        test_all_float8,          test_nan,
        test_overflow_is_counted, test_overflow_count_of_many,
        test_same_dtype,          test_every_cast,
        test_what_can_be_cast,
    };

    return unit_run("kernel", tests, sizeof tests / sizeof *tests);
}
