/*
 * checkpoint/blosc.c and its own codecs: frames that no writer would write.
 * What real writers write is in test_codec.c.
 */
#include "unit.h"

#include "checkpoint/blosclz.h"
#include "checkpoint/codec.h"
#include "checkpoint/shuffle.h"
#include "checkpoint/snappy.h"

enum { LZ4 = 1 << 5, SNAPPY = 2 << 5, NO_CODEC = 7 << 5, NO_SPLIT = 0x10 };

/* A frame of one block of 8 bytes, stored raw, with no filter. */
static const unsigned char plain[] = {
    2,   1,   LZ4 | NO_SPLIT,
    1,   8,   0,
    0,   0,   8,
    0,   0,   0,
    32,  0,   0,
    0, /* head */
    20,  0,   0,
    0, /* table */
    8,   0,   0,
    0,   'a', 'b',
    'c', 'd', 'e',
    'f', 'g', 'h', /* block */
};

static int decode(const unsigned char *frame, size_t len, size_t size,
                  unsigned char *out, struct error *err)
{
    const struct codec *blosc = codec_find("blosc");
    struct scratch *s = NULL;
    int rc;

    ck_ok(scratch_new(&s, err), err);
    rc = codec_decode(blosc, s, frame, len, out, size, err);
    scratch_free(s);
    return rc;
}

START_TEST(test_plain)
{
    unsigned char out[8];
    struct error err;

    ck_ok(decode(plain, sizeof plain, 8, out, &err), &err);
    ck_assert_mem_eq(out, "abcdefgh", 8);
}
END_TEST

/* One byte of the plain frame set to another value. */
START_TEST(test_bad_heads)
{
    static const struct {
        size_t at;
        unsigned char value;
        const char *word;
    } cases[] = {
        { 0, 3, "version 3" },          /* Blosc 2 */
        { 2, LZ4 | 0x08, "not valid" }, /* a reserved flag */
        { 2, NO_CODEC, "not valid" },   /* no such codec: clen != size */
        { 2, LZ4 | 0x02, "not valid" }, /* memcpy, but 4 bytes too long */
        { 3, 0, "not valid" },          /* elements of no size */
        { 4, 9, "decodes to 9 bytes" }, /* another size than wanted */
        { 8, 0, "not valid" },          /* blocks of no size */
        { 8, 1, "not valid" },          /* a table of 8 blocks */
        { 12, 33, "length is not" },    /* the file is shorter */
        { 16, 29, "not valid" },        /* a block beyond the end */
        { 19, 0xff, "not valid" },      /* far beyond it */
        { 20, 9, "not valid" },         /* a stream beyond the end */
        { 23, 0x80, "not valid" },      /* a negative length */
        { 20, 4, "not valid" },         /* 4 bytes that are not lz4 */
    };
    unsigned char frame[sizeof plain];
    unsigned char out[8];
    struct error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(frame, plain, sizeof plain);
        frame[cases[i].at] = cases[i].value;
        if (frame[2] == NO_CODEC)
            frame[20] = 7;
        ck_fails(decode(frame, sizeof frame, 8, out, &err), &err, ERR_CHUNK,
                 cases[i].word);
    }
    for (size_t len = 0; len < sizeof plain; len++)
        ck_fails(decode(plain, len, 8, out, &err), &err, ERR_CHUNK,
                 "not valid");
}
END_TEST

START_TEST(test_empty_and_memcpy)
{
    unsigned char frame[24] = { 2, 1, 0x02, 4, 8, 0, 0, 0, 8, 0, 0, 0, 24 };
    unsigned char empty[16] = { 2, 1, 0x02, 4, 0, 0, 0, 0, 0, 0, 0, 0, 16 };
    unsigned char out[8];
    struct error err;

    memcpy(frame + 16, "abcdefgh", 8);
    ck_ok(decode(frame, sizeof frame, 8, out, &err), &err);
    ck_assert_mem_eq(out, "abcdefgh", 8);
    ck_ok(decode(empty, sizeof empty, 0, out, &err), &err);
}
END_TEST

/* Splits must divide a block: 3-byte elements in blocks of 1,024 do not. */
START_TEST(test_uneven_splits)
{
    static unsigned char frame[16 + 4 + 3 * 4 + 1024];
    static unsigned char out[1024];
    struct error err;

    memcpy(frame, "\2\1\x20\3\0\4\0\0\0\4\0\0", 12);
    frame[12] = (unsigned char)(sizeof frame & 0xff);
    frame[13] = (unsigned char)(sizeof frame >> 8);
    frame[16] = 20;
    ck_fails(decode(frame, sizeof frame, sizeof out, out, &err), &err,
             ERR_CHUNK, "not valid");
}
END_TEST

/* 8.4 MB of length bytes overflow a 32-bit sum in other decoders. */
START_TEST(test_blosclz_lengths)
{
    size_t len = 8500000;
    unsigned char *src = malloc(len);
    unsigned char out[64];

    ck_assert_ptr_nonnull(src);
    memset(src, 0xff, len);
    src[0] = 0; /* one literal */
    src[1] = 'x';
    src[2] = 0xe0; /* a match of 9 or more */
    src[len - 2] = 0;
    src[len - 1] = 0;
    ck_assert(!blosclz_decode(src, len, out, sizeof out));
    free(src);
}
END_TEST

START_TEST(test_blosclz)
{
    /* "ab", then a match of 5 from 2 back, overlapping itself */
    static const unsigned char good[] = { 1, 'a', 'b', 3 << 5, 1 };
    static const unsigned char early[] = { 0, 'a', 1 << 5, 1 };
    static const unsigned char cut[] = { 1, 'a', 'b', 7 << 5, 255, 255 };
    static const unsigned char far_cut[] = { 0, 'a', 2 << 5 | 31, 255, 0 };
    unsigned char out[8];

    ck_assert(blosclz_decode(good, sizeof good, out, 7));
    ck_assert_mem_eq(out, "abababa", 7);
    ck_assert(!blosclz_decode(good, sizeof good, out, 6));
    ck_assert(!blosclz_decode(good, sizeof good, out, 8));
    ck_assert(!blosclz_decode(good, 4, out, 7));
    ck_assert(!blosclz_decode(good, 0, out, 0));
    ck_assert(!blosclz_decode(early, sizeof early, out, 4));
    ck_assert(!blosclz_decode(cut, sizeof cut, out, sizeof out));
    ck_assert(!blosclz_decode(far_cut, sizeof far_cut, out, sizeof out));
}
END_TEST

START_TEST(test_snappy)
{
    /* "ab", then copies of 4 from 2 back in each of the three forms */
    static const unsigned char good[] = { 14, 1 << 2,     'a', 'b', 1,
                                          2,  3 << 2 | 2, 2,   0,   3 << 2 | 3,
                                          2,  0,          0,   0 };
    unsigned char wide[70] = { 66, 60 << 2, 65 };
    unsigned char bad[sizeof good];
    unsigned char out[80];

    ck_assert(snappy_decode(good, sizeof good, out, 14));
    ck_assert_mem_eq(out, "ababababababab", 14);
    ck_assert(!snappy_decode(good, sizeof good, out, 13));
    for (size_t len = 0; len < sizeof good; len++)
        ck_assert(!snappy_decode(good, len, out, 14));
    memcpy(bad, good, sizeof good);
    bad[5] = 3; /* from before the start */
    ck_assert(!snappy_decode(bad, sizeof bad, out, 14));
    bad[5] = 0; /* from nowhere */
    ck_assert(!snappy_decode(bad, sizeof bad, out, 14));
    ck_assert(snappy_decode(wide, 69, out, 66));
    wide[2] = 66; /* one literal more than there is */
    ck_assert(!snappy_decode(wide, 69, out, 66));
    memset(bad, 0xff, sizeof bad); /* a size of more than 32 bits */
    ck_assert(!snappy_decode(bad, sizeof bad, out, 14));
}
END_TEST

/* Against the definition, for every width that has a loop of its own. */
START_TEST(test_shuffle)
{
    unsigned char src[1000], dst[1000], want[1000];

    for (size_t i = 0; i < sizeof src; i++)
        src[i] = (unsigned char)(i * 31 + i / 7);
    for (size_t size = 1; size <= 17; size++) {
        for (size_t len = 0; len <= sizeof src; len += 37) {
            size_t n = len / size;

            memcpy(want, src, len);
            for (size_t i = 0; i < n; i++)
                for (size_t b = 0; b < size; b++)
                    want[i * size + b] = src[b * n + i];
            memset(dst, 0, sizeof dst);
            shuffle_undo(src, dst, len, size);
            ck_assert_mem_eq(dst, want, len);
        }
    }
}
END_TEST

START_TEST(test_bit_shuffle)
{
    enum { SIZE = 3, COUNT = 24, BYTES = SIZE * COUNT };
    unsigned char src[BYTES + 2], dst[BYTES + 2], want[BYTES + 2] = { 0 };

    for (size_t i = 0; i < sizeof src; i++)
        src[i] = (unsigned char)(i * 29 + 5);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t bit = 0; bit < 8 * SIZE; bit++)
            if (src[bit * (COUNT / 8) + i / 8] >> (i % 8) & 1)
                want[i * SIZE + bit / 8] |= (unsigned char)(1 << bit % 8);
    memcpy(want + BYTES, src + BYTES, 2);
    shuffle_undo_bits(src, dst, sizeof src, SIZE);
    ck_assert_mem_eq(dst, want, sizeof want);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_plain,         test_bad_heads,       test_empty_and_memcpy,
        test_uneven_splits, test_blosclz_lengths, test_blosclz,
        test_snappy,        test_shuffle,         test_bit_shuffle,
    };

    return unit_run("blosc", tests, sizeof tests / sizeof *tests);
}
