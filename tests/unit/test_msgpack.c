/*
 * checkpoint/msgpack.c: every head, claims beyond the end, depth, the window.
 */
#include "unit.h"

#include "checkpoint/msgpack.h"

static struct store *store;

static void open_bytes(struct msgpack *m, const void *data, size_t len)
{
    struct error err;

    ck_ok(store_memory_new(&store, &err), &err);
    ck_ok(store_memory_put(store, "index", data, len, &err), &err);
    ck_ok(msgpack_open(m, store, "index", &err), &err);
}

static void close_bytes(struct msgpack *m)
{
    msgpack_done(m);
    store_free(store);
}

/* Reads one item that must take all len bytes. */
static struct msgpack_item read_one(const char *bytes, size_t len)
{
    struct msgpack_item item;
    struct msgpack m;
    struct error err;

    open_bytes(&m, bytes, len);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_assert_uint_eq(m.pos, len);
    close_bytes(&m);
    return item;
}

#define ONE(bytes) read_one(bytes, sizeof bytes - 1)

START_TEST(test_whole_numbers)
{
    static const struct {
        const char *bytes;
        size_t len;
        int64_t value;
    } cases[] = {
        { "\x00", 1, 0 },
        { "\x7f", 1, 127 },
        { "\xcc\xff", 2, 255 },
        { "\xcd\x01\x02", 3, 258 },
        { "\xce\x80\x00\x00\x00", 5, 2147483648 },
        { "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9, 4294967296 },
        { "\xff", 1, -1 },
        { "\xe0", 1, -32 },
        { "\xd0\x80", 2, -128 },
        { "\xd0\x05", 2, 5 },
        { "\xd1\xff\x00", 3, -256 },
        { "\xd2\xff\xff\xff\xfe", 5, -2 },
        { "\xd3\xff\xff\xff\xff\xff\xff\xff\xfd", 9, -3 },
    };
    struct msgpack_item item;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        item = read_one(cases[i].bytes, cases[i].len);
        if (cases[i].value < 0) {
            ck_assert_int_eq(item.kind, MSGPACK_INT);
            ck_assert_int_eq(item.value.sint, cases[i].value);
        } else {
            ck_assert_int_eq(item.kind, MSGPACK_UINT);
            ck_assert_uint_eq(item.value.uint, (uint64_t)cases[i].value);
        }
    }
}
END_TEST

START_TEST(test_other_scalars)
{
    ck_assert_int_eq(ONE("\xc0").kind, MSGPACK_NIL);
    ck_assert_int_eq(ONE("\xc2").kind, MSGPACK_BOOL);
    ck_assert(!ONE("\xc2").value.boolean);
    ck_assert(ONE("\xc3").value.boolean);
    ck_assert_double_eq(ONE("\xca\x3f\xc0\x00\x00").value.real, 1.5);
    ck_assert_double_eq(ONE("\xcb\xc0\x04\x00\x00\x00\x00\x00\x00").value.real,
                        -2.5);
}
END_TEST

START_TEST(test_bytes_and_extensions)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum msgpack_kind kind;
        int ext;
        uint64_t offset;
        uint64_t data;
    } cases[] = {
        { "\xa3xyz", 4, MSGPACK_BYTES, 0, 1, 3 },
        { "\xd9\x03xyz", 5, MSGPACK_BYTES, 0, 2, 3 },
        { "\xda\x00\x03xyz", 6, MSGPACK_BYTES, 0, 3, 3 },
        { "\xdb\x00\x00\x00\x03xyz", 8, MSGPACK_BYTES, 0, 5, 3 },
        { "\xc4\x03xyz", 5, MSGPACK_BYTES, 0, 2, 3 },
        { "\xc5\x00\x03xyz", 6, MSGPACK_BYTES, 0, 3, 3 },
        { "\xc6\x00\x00\x00\x03xyz", 8, MSGPACK_BYTES, 0, 5, 3 },
        { "\xd4\x01x", 3, MSGPACK_EXT, 1, 2, 1 },
        { "\xd5\xffxx", 4, MSGPACK_EXT, -1, 2, 2 },
        { "\xd6\x01xxxx", 6, MSGPACK_EXT, 1, 2, 4 },
        { "\xd7\x01xxxxxxxx", 10, MSGPACK_EXT, 1, 2, 8 },
        { "\xd8\x03xxxxxxxxxxxxxxxx", 18, MSGPACK_EXT, 3, 2, 16 },
        { "\xc7\x03\x02xyz", 6, MSGPACK_EXT, 2, 3, 3 },
        { "\xc8\x00\x03\x02xyz", 7, MSGPACK_EXT, 2, 4, 3 },
        { "\xc9\x00\x00\x00\x03\x02xyz", 9, MSGPACK_EXT, 2, 6, 3 },
    };
    struct msgpack_item item;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        item = read_one(cases[i].bytes, cases[i].len);
        ck_assert_int_eq(item.kind, cases[i].kind);
        ck_assert_int_eq(item.ext, cases[i].ext);
        ck_assert_uint_eq(item.offset, cases[i].offset);
        ck_assert_uint_eq(item.len, cases[i].data);
    }
}
END_TEST

/* Each is cut short or claims more than there is. */
START_TEST(test_claims)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        { "", 0 },
        { "\xcd\x01", 2 },
        { "\xcb\x00\x00\x00", 4 },
        { "\xa5xyz", 4 },
        { "\xdb\xff\xff\xff\xffx", 6 },
        { "\xc6\x00\x00\x00\x04xyz", 8 },
        { "\xd8\x03xxxx", 6 },
        { "\xd4", 1 },
        { "\xc7\x00", 2 },
        { "\xc9\xff\xff\xff\xff\x01xyz", 9 },
        { "\xdd\xff\x00\x00\x00", 5 },
        { "\xdf\xff\xff\xff\xff\x00\x00", 7 },
        { "\x92\x00", 2 },
        { "\x82\xa1x\x00", 4 },
        { "\xc1", 1 },
    };
    struct msgpack_item item;
    struct msgpack m;
    struct error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_bytes(&m, cases[i].bytes, cases[i].len);
        if (i != 13) {
            ck_fails(msgpack_next(&m, &item, &err), &err, ERR_INDEX, "index");
        } else {
            /* Two pairs in three bytes: the head itself is too much. */
            ck_fails(msgpack_next(&m, &item, &err), &err, ERR_INDEX, "more");
            ck_assert_str_eq(err.expected, "at most 3 more");
            ck_assert_str_eq(err.actual, "4");
        }
        close_bytes(&m);
    }
}
END_TEST

START_TEST(test_skip)
{
    /* {"a": [1, {}, "xyz"], "b": ext}, then 7 */
    static const char bytes[] = "\x82\xa1"
                                "a\x93\x01\x80\xa3xyz\xa1"
                                "b\xd4\x01x\x07";
    struct msgpack_item item;
    struct msgpack m;
    struct error err;
    uint64_t budget = 7;
    bool ended = true;

    open_bytes(&m, bytes, sizeof bytes - 1);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_ok(msgpack_skip(&m, &item, &budget, &ended, &err), &err);
    ck_assert(!ended);
    ck_assert_uint_eq(budget, 0);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_assert_uint_eq(item.value.uint, 7);
    ck_assert_uint_eq(m.pos, m.end);
    m.pos = 1;
    item.kind = MSGPACK_MAP;
    item.count = 2;
    budget = 6;
    ck_ok(msgpack_skip(&m, &item, &budget, &ended, &err), &err);
    ck_assert(ended);
    ck_assert_uint_eq(budget, 0);
    close_bytes(&m);
}
END_TEST

/* depth lists, one inside the other. */
static int skip_nested(size_t depth, struct error *err)
{
    char bytes[MSGPACK_MAX_DEPTH + 8];
    struct msgpack_item item;
    struct msgpack m;
    int rc;

    memset(bytes, 0x91, depth);
    bytes[depth] = 0x05;
    open_bytes(&m, bytes, depth + 1);
    ck_ok(msgpack_next(&m, &item, err), err);
    rc = msgpack_skip(&m, &item, NULL, NULL, err);
    if (!rc)
        ck_assert_uint_eq(m.pos, m.end);
    close_bytes(&m);
    return rc;
}

START_TEST(test_depth)
{
    struct error err;

    ck_ok(skip_nested(1, &err), &err);
    ck_ok(skip_nested(MSGPACK_MAX_DEPTH, &err), &err);
    ck_fails(skip_nested(MSGPACK_MAX_DEPTH + 1, &err), &err, ERR_INDEX,
             "nested too deeply");
}
END_TEST

START_TEST(test_text)
{
    static const char bytes[] = "\xa3xyz\xa3x\0z\x05";
    struct msgpack_item item;
    struct msgpack m;
    struct error err;
    char text[4];
    bool fits = false;

    open_bytes(&m, bytes, sizeof bytes - 1);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_ok(msgpack_text(&m, &item, text, sizeof text, &fits, &err), &err);
    ck_assert(fits);
    ck_assert_str_eq(text, "xyz");
    ck_ok(msgpack_text(&m, &item, text, 3, &fits, &err), &err);
    ck_assert(!fits);
    ck_assert_str_eq(text, "");
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_ok(msgpack_text(&m, &item, text, sizeof text, &fits, &err), &err);
    ck_assert_msg(!fits, "a NUL inside");
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_ok(msgpack_text(&m, &item, text, sizeof text, &fits, &err), &err);
    ck_assert_msg(!fits, "a number");
    close_bytes(&m);
}
END_TEST

/* Items around a blob that is larger than the window, and back again. */
START_TEST(test_window)
{
    size_t blob = 3 * MSGPACK_WINDOW + 11;
    size_t len = 1 + 5 + blob + 3;
    unsigned char *bytes = malloc(len);
    unsigned char *copy = malloc(blob);
    struct msgpack_item item;
    struct msgpack m;
    struct error err;

    ck_assert(bytes && copy);
    for (size_t i = 0; i < blob; i++)
        bytes[6 + i] = (unsigned char)(i * 7 + i / 251);
    memcpy(bytes, "\x92\xc6\x00\x03\x00\x0b", 6);
    memcpy(bytes + len - 3, "\xcd\x12\x34", 3);
    open_bytes(&m, bytes, len);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_assert_uint_eq(item.len, blob);
    ck_ok(msgpack_bytes(&m, item.offset, copy, blob, &err), &err);
    ck_assert_mem_eq(copy, bytes + 6, blob);
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_assert_uint_eq(item.value.uint, 0x1234);
    m.pos = 0;
    ck_ok(msgpack_next(&m, &item, &err), &err);
    ck_assert_uint_eq(item.count, 2);
    ck_fails(msgpack_bytes(&m, len - 1, copy, 2, &err), &err, ERR_INDEX,
             "damaged");
    close_bytes(&m);
    free(bytes);
    free(copy);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_whole_numbers, test_other_scalars, test_bytes_and_extensions,
        test_claims,        test_skip,          test_depth,
        test_text,          test_window,
    };

    return unit_run("msgpack", tests, sizeof tests / sizeof *tests);
}
