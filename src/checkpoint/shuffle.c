/*
 * Undoing byte and bit shuffle.
 *
 * Bytes of 2-, 4- and 8-byte elements are interleaved 16 at a time where the
 * CPU has SSE2 (every x86-64 has): a stream of 4-byte elements is a merge of
 * two streams of 2-byte halves, so each step of unpacking doubles the width.
 * The plain loop does the rest and everything on other machines.
 *
 * Bits are moved in squares of 8 by 8: eight bytes, one of each bit plane,
 * hold one byte of eight elements, and a transposition in a 64-bit word turns
 * one into the other.
 */
#include "checkpoint/shuffle.h"

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static void undo_plain(const unsigned char *src, unsigned char *dst,
                       size_t first, size_t count, size_t typesize)
{
    for (size_t i = first; i < count; i++)
        for (size_t b = 0; b < typesize; b++)
            dst[i * typesize + b] = src[b * count + i];
}

#ifdef __SSE2__
static __m128i load(const unsigned char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static void store(unsigned char *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

/* 16 elements of 2 bytes at a time; how many were done. */
static size_t undo2(const unsigned char *src, unsigned char *dst, size_t count)
{
    size_t i;

    for (i = 0; i + 16 <= count; i += 16) {
        __m128i a = load(src + i);
        __m128i b = load(src + count + i);

        store(dst + 2 * i, _mm_unpacklo_epi8(a, b));
        store(dst + 2 * i + 16, _mm_unpackhi_epi8(a, b));
    }
    return i;
}

static size_t undo4(const unsigned char *src, unsigned char *dst, size_t count)
{
    size_t i;

    for (i = 0; i + 16 <= count; i += 16) {
        __m128i a = load(src + i);
        __m128i b = load(src + count + i);
        __m128i c = load(src + 2 * count + i);
        __m128i d = load(src + 3 * count + i);
        __m128i low[2] = { _mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b) };
        __m128i high[2] = { _mm_unpacklo_epi8(c, d), _mm_unpackhi_epi8(c, d) };

        for (unsigned k = 0; k < 2; k++) {
            unsigned char *out = dst + 4 * i + 32 * k;

            store(out, _mm_unpacklo_epi16(low[k], high[k]));
            store(out + 16, _mm_unpackhi_epi16(low[k], high[k]));
        }
    }
    return i;
}

/* Eight planes to pairs, pairs to quads, quads to elements. */
static size_t undo8(const unsigned char *src, unsigned char *dst, size_t count)
{
    __m128i plane[8], pair[8], quad[8];
    size_t i;

    for (i = 0; i + 16 <= count; i += 16) {
        for (unsigned k = 0; k < 8; k++)
            plane[k] = load(src + k * count + i);
        for (unsigned k = 0; k < 4; k++) {
            pair[k] = _mm_unpacklo_epi8(plane[2 * k], plane[2 * k + 1]);
            pair[k + 4] = _mm_unpackhi_epi8(plane[2 * k], plane[2 * k + 1]);
        }
        for (unsigned k = 0; k < 4; k++) {
            quad[2 * k] = _mm_unpacklo_epi16(pair[2 * k], pair[2 * k + 1]);
            quad[2 * k + 1] = _mm_unpackhi_epi16(pair[2 * k], pair[2 * k + 1]);
        }
        for (unsigned k = 0; k < 4; k++) {
            unsigned low = k < 2 ? k : k + 2;
            unsigned char *out = dst + 8 * i + 32 * k;

            store(out, _mm_unpacklo_epi32(quad[low], quad[low + 2]));
            store(out + 16, _mm_unpackhi_epi32(quad[low], quad[low + 2]));
        }
    }
    return i;
}
#endif

void shuffle_undo(const unsigned char *src, unsigned char *dst, size_t size,
                  size_t typesize)
{
    size_t count = size / typesize;
    size_t done = 0;

#ifdef __SSE2__
    if (typesize == 2)
        done = undo2(src, dst, count);
    else if (typesize == 4)
        done = undo4(src, dst, count);
    else if (typesize == 8)
        done = undo8(src, dst, count);
#endif
    undo_plain(src, dst, done, count, typesize);
    memcpy(dst + count * typesize, src + count * typesize,
           size - count * typesize);
}

/* Byte i, bit k of x becomes byte k, bit i. */
static uint64_t transpose8(uint64_t x)
{
    uint64_t t;

    t = (x ^ x >> 7) & 0x00aa00aa00aa00aaU;
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & 0x0000cccc0000ccccU;
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & 0x00000000f0f0f0f0U;
    return x ^ t ^ t << 28;
}

void shuffle_undo_bits(const unsigned char *src, unsigned char *dst,
                       size_t size, size_t typesize)
{
    size_t count = size / typesize;
    size_t groups = count / 8;
    uint64_t square;

    for (size_t b = 0; b < typesize; b++) {
        const unsigned char *planes = src + b * 8 * groups;

        for (size_t g = 0; g < groups; g++) {
            square = 0;
            for (unsigned bit = 0; bit < 8; bit++)
                square |= (uint64_t)planes[bit * groups + g] << 8 * bit;
            square = transpose8(square);
            for (unsigned k = 0; k < 8; k++)
                dst[(g * 8 + k) * typesize + b] =
                    (unsigned char)(square >> 8 * k);
        }
    }
    memcpy(dst + count * typesize, src + count * typesize,
           size - count * typesize);
}
