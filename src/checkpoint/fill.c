/*
 * Fill values.
 *
 * Zarr 2 writes them as JSON numbers; as "NaN", "Infinity", "-Infinity" or
 * digits in a string for floats; as [re, im] for complex numbers; and as base64
 * of the stored element where nothing else would do. Zarr 3 has no texts but
 * those three words and a float's bits in hexadecimal. The small float formats
 * differ only in their widths, so one function rounds to all of them, once and
 * to even.
 */
#include "checkpoint/fill.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

/* Float formats below 32 bits. */
struct small_float {
    enum dtype dtype;
    int exponent_bits;
    int mantissa_bits;
    bool infinite; /* has infinities; float8_e4m3fn uses those codes */
};

static const struct small_float small_floats[] = {
    { DTYPE_F16, 5, 10, true },
    { DTYPE_BF16, 8, 7, true },
    { DTYPE_F8_E5M2, 5, 2, true },
    { DTYPE_F8_E4M3FN, 4, 3, false },
};

/* v, finite, as a magnitude in units of the last place. */
static double in_last_places(const struct small_float *f, double v, int *biased)
{
    int bias = (1 << (f->exponent_bits - 1)) - 1;
    int exponent = 0;

    frexp(fabs(v), &exponent);
    *biased = exponent - 1 + bias;
    if (*biased < 1)
        *biased = 1;
    return rint(ldexp(fabs(v), f->mantissa_bits - (*biased - bias)));
}

static uint32_t encode_small(const struct small_float *f, double v)
{
    uint32_t one = 1U << f->mantissa_bits;
    uint32_t sign =
        signbit(v) ? 1U << (f->exponent_bits + f->mantissa_bits) : 0;
    uint32_t top = (1U << f->exponent_bits) - 1;
    uint32_t special = f->infinite ? top * one : top * one + one - 1;
    uint32_t bits;
    int biased;

    if (isnan(v))
        return sign | special | (f->infinite ? one >> 1 : 0);
    if (isinf(v))
        return sign | special;
    if (v == 0) /* which has no exponent to begin with */
        return sign;
    /* A carry out of the mantissa runs into the exponent, as it should. */
    bits =
        (uint32_t)num_min(UINT16_MAX, (uint64_t)in_last_places(f, v, &biased));
    bits += (uint32_t)(biased - 1) * one;
    return sign | (bits > special ? special : bits);
}

static bool put_float(double v, enum dtype dtype, unsigned char *value)
{
    float single = (float)v;
    uint16_t half;

    if (dtype == DTYPE_F64) {
        memcpy(value, &v, sizeof v);
        return true;
    }
    if (dtype == DTYPE_F32) {
        memcpy(value, &single, sizeof single);
        return true;
    }
    for (size_t i = 0; i < sizeof small_floats / sizeof *small_floats; i++) {
        if (small_floats[i].dtype != dtype)
            continue;
        half = (uint16_t)encode_small(&small_floats[i], v);
        if (dtype_info(dtype)->size == 1)
            *value = (unsigned char)half;
        else
            memcpy(value, &half, sizeof half);
        return true;
    }
    return false;
}

/* The whole numbers that each integer type holds. */
static const struct {
    enum dtype dtype;
    int64_t min;
    int64_t max;
} ranges[] = {
    { DTYPE_BOOL, 0, 1 },         { DTYPE_I4, -8, 7 },
    { DTYPE_U4, 0, 15 },          { DTYPE_I8, INT8_MIN, INT8_MAX },
    { DTYPE_U8, 0, UINT8_MAX },   { DTYPE_I16, INT16_MIN, INT16_MAX },
    { DTYPE_U16, 0, UINT16_MAX }, { DTYPE_I32, INT32_MIN, INT32_MAX },
    { DTYPE_U32, 0, UINT32_MAX }, { DTYPE_I64, INT64_MIN, INT64_MAX },
    { DTYPE_U64, 0, INT64_MAX },
};

static bool put_integer(int64_t v, enum dtype dtype, unsigned char *value)
{
    size_t size = dtype_info(dtype)->size;

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].dtype != dtype)
            continue;
        if (v < ranges[i].min || v > ranges[i].max)
            return false;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        memcpy(value, (unsigned char *)&v + sizeof v - size, size);
#else
        memcpy(value, &v, size);
#endif
        return true;
    }
    return false;
}

static bool put_number(const json_t *json, enum dtype dtype,
                       unsigned char *value)
{
    double real;

    if (json_is_boolean(json))
        return dtype == DTYPE_BOOL &&
               put_integer(json_is_true(json), dtype, value);
    if (put_float(json_number_value(json), dtype, value))
        return true;
    if (json_is_integer(json))
        return put_integer(json_integer_value(json), dtype, value);
    real = json_real_value(json);
    return fabs(real) < 0x1p53 && real == floor(real) &&
           put_integer((int64_t)real, dtype, value);
}

static bool text_word(const char *text, double *v)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {
        { "NaN", (double)NAN },
        { "Infinity", (double)INFINITY },
        { "-Infinity", -(double)INFINITY },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i].word) != 0)
            continue;
        *v = words[i].value;
        return true;
    }
    return false;
}

/* "NaN", "-Infinity", "1.5", but nothing else that strtod would take. */
static bool text_number(const char *text, double *v)
{
    char *end = NULL;

    if (text_word(text, v))
        return true;
    if (!*text || text[strspn(text, "+-.0123456789eE")] != '\0')
        return false;
    *v = strtod(text, &end);
    return *end == '\0';
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(digits, c) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* Exactly size bytes. */
static bool text_base64(const char *text, unsigned char *out, size_t size)
{
    uint32_t word = 0;
    unsigned bits = 0;
    size_t n = 0;
    int digit;

    if (strlen(text) != (size + 2) / 3 * 4)
        return false;
    for (; *text && *text != '='; text++) {
        digit = base64_digit(*text);
        if (digit < 0)
            return false;
        word = word << 6 | (uint32_t)digit;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (n == size)
            return false;
        out[n++] = (unsigned char)(word >> bits);
    }
    return n == size && text[strspn(text, "=")] == '\0';
}

static bool put_text(const char *text, enum dtype dtype, bool big,
                     unsigned char *value)
{
    bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    double v;

    if (text_number(text, &v) && put_float(v, dtype, value))
        return true;
    if (!text_base64(text, value, dtype_info(dtype)->size))
        return false;
    if (big != native_big)
        dtype_swap(dtype, value, 1);
    return true;
}

/* One half of a complex number: a number, or text for one. */
static bool put_part(const json_t *json, enum dtype part, unsigned char *value)
{
    double v;

    if (json_is_number(json))
        return put_float(json_number_value(json), part, value);
    return json_is_string(json) && text_number(json_string_value(json), &v) &&
           put_float(v, part, value);
}

static bool put_complex(const json_t *json, enum dtype dtype,
                        unsigned char *value)
{
    enum dtype part = dtype == DTYPE_C64 ? DTYPE_F32 : DTYPE_F64;
    size_t half = dtype_info(part)->size;

    memset(value, 0, 2 * half);
    if (json_is_number(json))
        return put_part(json, part, value);
    return json_array_size(json) == 2 &&
           put_part(json_array_get(json, 0), part, value) &&
           put_part(json_array_get(json, 1), part, value + half);
}

bool fill_parse(const json_t *json, enum dtype dtype, bool big,
                unsigned char value[static FILL_MAX_BYTES])
{
    bool complex = dtype == DTYPE_C64 || dtype == DTYPE_C128;

    memset(value, 0, FILL_MAX_BYTES);
    if (json_is_string(json))
        return put_text(json_string_value(json), dtype, big, value);
    if (complex)
        return put_complex(json, dtype, value);
    if (json_is_number(json) || json_is_boolean(json))
        return put_number(json, dtype, value);
    return false;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *p = c ? strchr(digits, lower) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* "0x" and all of an element's bits, the highest first. */
static bool put_bits(const char *text, enum dtype dtype, unsigned char *value)
{
    bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    size_t size = dtype_info(dtype)->size;
    int high, low;

    if (strncmp(text, "0x", 2) != 0 || strlen(text) != 2 + 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        high = hex_digit(text[2 + 2 * i]);
        low = hex_digit(text[3 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        value[i] = (unsigned char)(high << 4 | low);
    }
    if (!native_big)
        dtype_swap(dtype, value, 1);
    return true;
}

/* A real float, or a half of a complex number. */
static bool put_float_zarr3(const json_t *json, enum dtype dtype,
                            unsigned char *value)
{
    double v;

    if (json_is_number(json))
        return put_float(json_number_value(json), dtype, value);
    if (!json_is_string(json))
        return false;
    return text_word(json_string_value(json), &v)
               ? put_float(v, dtype, value)
               : put_bits(json_string_value(json), dtype, value);
}

static bool is_float(enum dtype dtype)
{
    unsigned char ignored[FILL_MAX_BYTES];

    return put_float(0, dtype, ignored);
}

bool fill_parse_zarr3(const json_t *json, enum dtype dtype,
                      unsigned char value[static FILL_MAX_BYTES])
{
    enum dtype part = dtype == DTYPE_C64 ? DTYPE_F32 : DTYPE_F64;

    memset(value, 0, FILL_MAX_BYTES);
    if (dtype == DTYPE_C64 || dtype == DTYPE_C128)
        return json_array_size(json) == 2 &&
               put_float_zarr3(json_array_get(json, 0), part, value) &&
               put_float_zarr3(json_array_get(json, 1), part,
                               value + dtype_info(part)->size);
    if (is_float(dtype))
        return put_float_zarr3(json, dtype, value);
    if (dtype == DTYPE_BOOL)
        return json_is_boolean(json) && put_number(json, dtype, value);
    return json_is_number(json) && put_number(json, dtype, value);
}

void fill_elements(void *dst, size_t count, enum dtype dtype,
                   const unsigned char *value)
{
    size_t size = dtype_info(dtype)->size;
    size_t bytes = count * size;
    unsigned char *p = dst;
    size_t done = size;

    if (count == 0)
        return;
    memcpy(p, value, size);
    for (size_t part; done < bytes; done += part) {
        part = (size_t)num_min(done, bytes - done);
        memcpy(p + done, p, part);
    }
}
