/*
 * checkpoint/codec.c and what it stands on: chunks that real writers encoded,
 * whole, cut short, changed, and of another size than promised.
 */
#include "unit.h"

#include <stdio.h>

#include "checkpoint/codec.h"
#include "records.h"

static struct records records;
static struct scratch *scratch;

static void setup(void)
{
    struct error err;

    records_load(&records, "codecs");
    ck_ok(scratch_new(&scratch, &err), &err);
}

static void teardown(void)
{
    scratch_free(scratch);
    records_done(&records);
}

/* "blosc/f4/zstd-1": the codec, and the raw bytes that it must give. */
static const struct codec *parse_name(const struct record *r,
                                      const struct record **raw)
{
    const struct codec *codec;
    char text[64];
    char name[64];
    char *first, *second;

    snprintf(text, sizeof text, "%s", r->name);
    first = strchr(text, '/');
    ck_assert_ptr_nonnull(first);
    *first++ = '\0';
    second = strchr(first, '/');
    if (!second)
        return NULL;
    *second = '\0';
    snprintf(name, sizeof name, "raw/%s", first);
    *raw = records_find(&records, name);
    codec = codec_find(text);
    ck_assert_msg(codec != NULL, "no codec %s", text);
    return codec;
}

/* Decodes into a fresh block of exactly size bytes, so that ASan sees more. */
static int decode(const struct codec *codec, const unsigned char *src,
                  size_t len, size_t size, unsigned char **out,
                  struct error *err)
{
    unsigned char *in = malloc(len ? len : 1);
    int rc;

    *out = malloc(size ? size : 1);
    ck_assert(in && *out);
    if (len > 0)
        memcpy(in, src, len);
    memset(*out, 0xa5, size ? size : 1);
    rc = codec_decode(codec, scratch, in, len, *out, size, err);
    free(in);
    ck_assert(rc == 0 || (rc == ERR_CHUNK && err->text[0]));
    return rc;
}

START_TEST(test_real_chunks)
{
    const struct record *raw = NULL;
    const struct codec *codec;
    unsigned char *out;
    struct error err;
    size_t seen = 0;

    setup();
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];

        codec = parse_name(r, &raw);
        if (!codec)
            continue;
        ck_assert_msg(decode(codec, r->data, r->len, raw->len, &out, &err) == 0,
                      "%s %s", r->name, err.text);
        ck_assert_msg(!memcmp(out, raw->data, raw->len), "%s differs", r->name);
        free(out);
        seen++;
    }
    ck_assert_uint_gt(seen, 150);
    teardown();
}
END_TEST

/* No other size will do, and the message says which one was found. */
START_TEST(test_wrong_sizes)
{
    const struct record *raw = NULL;
    const struct codec *codec;
    unsigned char *out;
    struct error err;

    setup();
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];

        codec = parse_name(r, &raw);
        if (!codec)
            continue;
        for (int by = -1; by <= 1; by += 2) {
            size_t size = by < 0 ? raw->len - 1 : raw->len + 1;

            ck_assert_msg(decode(codec, r->data, r->len, size, &out, &err) ==
                              ERR_CHUNK,
                          "%s as %zu bytes", r->name, size);
            ck_assert_msg(err.expected[0] && err.actual[0], "%s: %s", r->name,
                          err.text);
            free(out);
        }
    }
    teardown();
}
END_TEST

START_TEST(test_truncated)
{
    const struct record *raw = NULL;
    const struct codec *codec;
    unsigned char *out;
    struct error err;

    setup();
    for (size_t i = 0; i < records.count; i++) {
        const struct record *r = &records.items[i];
        size_t step = r->len > 4000 ? 97 : 1;

        codec = parse_name(r, &raw);
        if (!codec)
            continue;
        for (size_t len = 0; len < r->len; len += step) {
            ck_assert_msg(decode(codec, r->data, len, raw->len, &out, &err) ==
                              ERR_CHUNK,
                          "%s cut to %zu bytes", r->name, len);
            free(out);
        }
    }
    teardown();
}
END_TEST

/* Whether every change of the bytes must be noticed: there is a checksum. */
static bool is_checked(const struct record *r)
{
    return !strncmp(r->name, "gzip/", 5) || !strncmp(r->name, "zlib/", 5) ||
           !strncmp(r->name, "bz2/", 4);
}

static void change_each_byte(const struct record *r, const struct codec *codec,
                             const struct record *raw)
{
    static const unsigned char masks[] = { 0x01, 0x80, 0xff };
    unsigned char *changed = malloc(r->len);
    size_t step = r->len > 4000 ? 41 : 1;
    unsigned char *out;
    struct error err;
    int rc;

    ck_assert_ptr_nonnull(changed);
    memcpy(changed, r->data, r->len);
    for (size_t at = 0; at < r->len; at += step) {
        changed[at] ^= masks[at % sizeof masks];
        rc = decode(codec, changed, r->len, raw->len, &out, &err);
        if (is_checked(r))
            ck_assert_msg(rc || !memcmp(out, raw->data, raw->len),
                          "%s: byte %zu changed unnoticed", r->name, at);
        free(out);
        changed[at] = r->data[at];
    }
    free(changed);
}

START_TEST(test_changed)
{
    const struct record *raw = NULL;
    const struct codec *codec;

    setup();
    for (size_t i = 0; i < records.count; i++) {
        codec = parse_name(&records.items[i], &raw);
        if (codec)
            change_each_byte(&records.items[i], codec, raw);
    }
    teardown();
}
END_TEST

START_TEST(test_trailing_bytes)
{
    static const char *const names[] = { "gzip/f4/level1", "zlib/f4/level1",
                                         "zstd/f4/sized", "bz2/f4/level1" };
    const struct record *raw = NULL;
    const struct codec *codec;
    unsigned char longer[4096] = { 0 };
    unsigned char *out;
    struct error err;

    setup();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct record *r = records_find(&records, names[i]);

        ck_assert_uint_lt(r->len, sizeof longer);
        memcpy(longer, r->data, r->len);
        longer[r->len] = 0;
        codec = parse_name(r, &raw);
        ck_assert_msg(decode(codec, longer, r->len + 1, raw->len, &out, &err) ==
                          ERR_CHUNK,
                      "%s with one byte more", r->name);
        free(out);
    }
    teardown();
}
END_TEST

START_TEST(test_table)
{
    const struct codec *raw = codec_find(NULL);
    unsigned char out[4];
    struct error err;

    setup();
    ck_assert_str_eq(raw->id, "raw");
    ck_assert_ptr_null(codec_find("raw"));
    ck_assert_ptr_null(codec_find("lzma"));
    ck_assert_ptr_nonnull(strstr(codec_names(), "blosc"));
    ck_ok(codec_decode(raw, scratch, (const unsigned char *)"abcd", 4, out, 4,
                       &err),
          &err);
    ck_assert_mem_eq(out, "abcd", 4);
    ck_fails(codec_decode(raw, scratch, (const unsigned char *)"abc", 3, out, 4,
                          &err),
             &err, ERR_CHUNK, "decodes to 3 bytes");
    ck_assert_str_eq(err.expected, "4 bytes");
    ck_assert_str_eq(err.actual, "3 bytes");
    teardown();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_real_chunks, test_wrong_sizes,    test_truncated,
        test_changed,     test_trailing_bytes, test_table,
    };

    return unit_run("codec", tests, sizeof tests / sizeof *tests);
}
