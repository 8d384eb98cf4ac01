/*
 * The table of codecs.
 *
 * A chunk's decoded size is known before it is read, so a codec is given a
 * buffer of exactly that size and must fill it: a stream that wants more is
 * stopped there, whatever it would have grown to, and one that gives less is
 * an error. (Between two codecs of zarr 3 only the limit is known.) All
 * checksums are verified and no trailing bytes accepted.
 *
 * gzip and zlib use libdeflate, which decodes whole buffers and is half again
 * as fast as zlib on weights. zstd is decoded in one call into the final
 * buffer, which serves as its window: frames may omit their content size, and
 * no window is allocated that a frame header could inflate.
 */
#include "checkpoint/codec.h"

#include <bzlib.h>
#include <limits.h>
#include <string.h>
#include <zstd_errors.h>

#include "checkpoint/blosc.h"

int codec_wrong_size(size_t expected, unsigned long long actual, bool more,
                     struct error *err)
{
    const char *than = more ? "more than " : "";

    error_set(err, ERR_CHUNK, "decodes to %s%llu bytes", than, actual);
    error_expected(err, "%zu bytes", expected);
    error_actual(err, "%s%llu bytes", than, actual);
    return error_hint(err, "the file does not fit the array's metadata; copy "
                           "the checkpoint again");
}

int codec_damaged(const char *what, struct error *err)
{
    error_set(err, ERR_CHUNK, "is not valid %s", what);
    return error_hint(err, "the file is damaged or cut short; copy it again");
}

static int raw_decode(struct scratch *s, const unsigned char *src, size_t n,
                      unsigned char *dst, size_t size, size_t *got,
                      struct error *err)
{
    (void)s;
    if (n > size)
        return codec_wrong_size(size, n, false, err);
    if (n > 0)
        memcpy(dst, src, n);
    *got = n;
    return 0;
}

static int deflate_failed(enum libdeflate_result result, const char *what,
                          size_t size, struct error *err)
{
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE)
        return codec_wrong_size(size, size, true, err);
    return codec_damaged(what, err);
}

/* A gzip file is one member or several, one after the other. */
static int gzip_decode(struct scratch *s, const unsigned char *src, size_t n,
                       unsigned char *dst, size_t size, size_t *got,
                       struct error *err)
{
    struct libdeflate_decompressor *d = scratch_deflate(s);
    enum libdeflate_result result;
    size_t done = 0;
    size_t in, out;

    if (!d)
        return error_memory(err);
    do {
        result = libdeflate_gzip_decompress_ex(d, src, n, dst + done,
                                               size - done, &in, &out);
        if (result != LIBDEFLATE_SUCCESS)
            return deflate_failed(result, "gzip", size, err);
        done += out;
        src += in;
        n -= in;
    } while (n > 0);
    *got = done;
    return 0;
}

static int zlib_decode(struct scratch *s, const unsigned char *src, size_t n,
                       unsigned char *dst, size_t size, size_t *got,
                       struct error *err)
{
    struct libdeflate_decompressor *d = scratch_deflate(s);
    enum libdeflate_result result;
    size_t in;

    if (!d)
        return error_memory(err);
    result = libdeflate_zlib_decompress_ex(d, src, n, dst, size, &in, got);
    if (result != LIBDEFLATE_SUCCESS)
        return deflate_failed(result, "zlib", size, err);
    if (in != n)
        return codec_damaged("zlib: bytes follow its end", err);
    return 0;
}

static int zstd_decode(struct scratch *s, const unsigned char *src, size_t n,
                       unsigned char *dst, size_t size, size_t *got,
                       struct error *err)
{
    ZSTD_DCtx *d = scratch_zstd(s);
    size_t out;

    if (!d)
        return error_memory(err);
    out = ZSTD_decompressDCtx(d, dst, size, src, n);
    if (ZSTD_getErrorCode(out) == ZSTD_error_dstSize_tooSmall)
        return codec_wrong_size(size, size, true, err);
    if (ZSTD_isError(out))
        return codec_damaged("zstd", err);
    *got = out;
    return 0;
}

/* bzip2 counts in 32 bits: give it at most this much at a time. */
static unsigned bz_part(size_t n)
{
    return n < UINT_MAX / 2 ? (unsigned)n : UINT_MAX / 2;
}

/*
 * One bzip2 stream from *src to *dst, both advanced. BZ_STREAM_END on success,
 * BZ_OUTBUFF_FULL where the output would not fit.
 */
static int bz2_stream(const unsigned char **src, size_t *n, unsigned char **dst,
                      size_t *room)
{
    bz_stream z = { 0 };
    unsigned char spare; /* shows whether more than fits would come */
    bool full = false;
    int rc = BZ2_bzDecompressInit(&z, 0, 0);

    while (rc == BZ_OK) {
        unsigned in = bz_part(*n);
        unsigned out = bz_part(*room);

        full = out == 0;
        z.next_in = (char *)(uintptr_t)*src;
        z.avail_in = in;
        z.next_out = (char *)(full ? &spare : *dst);
        z.avail_out = full ? 1 : out;
        rc = BZ2_bzDecompress(&z);
        *src += in - z.avail_in;
        *n -= in - z.avail_in;
        if (full && z.avail_out == 0) {
            rc = BZ_OUTBUFF_FULL;
        } else if (!full) {
            *dst += out - z.avail_out;
            *room -= out - z.avail_out;
        }
        if (rc == BZ_OK && *n == 0 && z.avail_out > 0)
            rc = BZ_UNEXPECTED_EOF;
    }
    BZ2_bzDecompressEnd(&z);
    return rc;
}

static int bz2_decode(struct scratch *s, const unsigned char *src, size_t n,
                      unsigned char *dst, size_t size, size_t *got,
                      struct error *err)
{
    size_t room = size;
    int rc;

    (void)s;
    if (n == 0)
        return codec_damaged("bzip2", err);
    do {
        rc = bz2_stream(&src, &n, &dst, &room);
        if (rc == BZ_MEM_ERROR)
            return error_memory(err);
        if (rc == BZ_OUTBUFF_FULL)
            return codec_wrong_size(size, size, true, err);
        if (rc != BZ_STREAM_END)
            return codec_damaged("bzip2", err);
    } while (n > 0);
    *got = size - room;
    return 0;
}

static const struct codec codecs[] = {
    { "raw", raw_decode },   { "gzip", gzip_decode }, { "zlib", zlib_decode },
    { "zstd", zstd_decode }, { "bz2", bz2_decode },   { "blosc", blosc_decode },
};

int codec_decode(const struct codec *codec, struct scratch *s,
                 const unsigned char *src, size_t n, unsigned char *dst,
                 size_t size, struct error *err)
{
    size_t got = 0;
    int rc = codec->decode(s, src, n, dst, size, &got, err);

    if (!rc && got != size)
        rc = codec_wrong_size(size, got, false, err);
    return rc;
}

static const struct codec zlib_codec = { "zlib", zlib_decode };
static const struct codec zstd_codec = { "zstd", zstd_decode };

int codec_zlib(struct scratch *s, const unsigned char *src, size_t n,
               unsigned char *dst, size_t size, struct error *err)
{
    return codec_decode(&zlib_codec, s, src, n, dst, size, err);
}

int codec_zstd(struct scratch *s, const unsigned char *src, size_t n,
               unsigned char *dst, size_t size, struct error *err)
{
    return codec_decode(&zstd_codec, s, src, n, dst, size, err);
}

const struct codec *codec_find(const char *id)
{
    if (!id)
        return &codecs[0];
    for (size_t i = 1; i < sizeof codecs / sizeof *codecs; i++)
        if (!strcmp(codecs[i].id, id))
            return &codecs[i];
    return NULL;
}

const char *codec_names(void)
{
    return "gzip, zlib, zstd, bz2, blosc or none";
}
