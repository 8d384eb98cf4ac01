/*
 * store/ocdbt.h over databases that are built here, node by node: what only
 * matters in rare ones, and what only an attacker or a defect would write.
 */
#include "unit.h"

#include <stdio.h>
#include <zstd.h>

#include "ocdbt_build.h"
#include "store/ocdbt.h"

static int collect(void *ctx, const char *name, bool is_folder,
                   struct error *err)
{
    struct buf *b = ctx;

    (void)err;
    buf_printf(b, "%s%s ", name, is_folder ? "/" : "");
    return 0;
}

/* A database of one manifest and one data file, "d". */
struct built {
    struct buf manifest;
    struct buf nodes;
};

static struct built *built_new(void)
{
    struct built *b = calloc(1, sizeof *b);

    ck_assert_ptr_nonnull(b);
    b->manifest = BUF_INIT(1 << 20);
    b->nodes = BUF_INIT(1 << 22);
    return b;
}

/* A table of one file. */
static void put_file(struct buf *b, const char *name, size_t base)
{
    build_varint(b, 1);
    build_varint(b, strlen(name));
    build_varint(b, base);
    buf_puts(b, name);
}

static void build_manifest(struct built *d, const char *file, size_t base,
                           unsigned height, uint64_t offset, uint64_t len)
{
    struct buf b = BUF_INIT(1 << 20);

    buf_append(&b, "0123456789abcdef", 16);
    build_varint(&b, 0);
    build_varint(&b, 1024);
    build_varint(&b, 100000000);
    buf_putc(&b, 4);
    build_varint(&b, 0);
    put_file(&b, file, base);
    build_varint(&b, 1); /* one version */
    build_varint(&b, 1); /* its generation */
    buf_putc(&b, (int)height);
    build_varint(&b, 0);
    build_varint(&b, offset);
    build_varint(&b, len);
    buf_append(&b, "\0\0\0", 3);
    build_le(&b, 1, 8);
    build_varint(&b, 0);
    build_wrap(&d->manifest, BUILD_MANIFEST, 0, b.data, b.len);
    buf_done(&b);
}

/* Opens it, with the data file under the name; frees it. */
static int open_built(struct built *d, const char *file, struct store **base,
                      struct store **s, struct error *err)
{
    int rc;

    ck_ok(store_memory_new(base, err), err);
    ck_ok(store_memory_put(*base, "manifest.ocdbt", d->manifest.data,
                           d->manifest.len, err),
          err);
    ck_ok(store_memory_put(*base, file, d->nodes.data, d->nodes.len, err), err);
    rc = ocdbt_open(*base, "", s, err);
    buf_done(&d->manifest);
    buf_done(&d->nodes);
    free(d);
    return rc;
}

/* Opening it fails; the node is all of the data file. */
static void refuse(struct built *d, unsigned height, enum error_code code,
                   const char *word)
{
    size_t len = d->nodes.len;
    struct store *base = NULL;
    struct store *s = NULL;
    struct error err;

    if (d->manifest.len == 0)
        build_manifest(d, "d", 0, height, 0, len);
    ck_fails(open_built(d, "d", &base, &s, &err), &err, code, word);
    ck_assert_msg(err.subject[0] != '\0', "no file in: %s", err.text);
    if (code == ERR_INDEX)
        ck_assert_msg(err.expected[0] && err.hint[0], "%s", err.text);
    store_free(base);
}

/* Entries of a leaf whose values are all in the tree. */
struct key {
    unsigned prefix;
    const char *suffix;
    const char *value;
};

static void build_leaf(struct built *d, const struct key *keys, size_t n)
{
    struct buf b = BUF_INIT(1 << 20);

    buf_putc(&b, 0);
    build_varint(&b, 0);
    build_varint(&b, n);
    for (size_t i = 1; i < n; i++)
        build_varint(&b, keys[i].prefix);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, strlen(keys[i].suffix));
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, keys[i].suffix);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, strlen(keys[i].value));
    for (size_t i = 0; i < n; i++)
        buf_putc(&b, 0);
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, keys[i].value);
    build_wrap(&d->nodes, BUILD_NODE, 0, b.data, b.len);
    buf_done(&b);
}

/* A leaf of one value outside of it, in the file. */
static void build_reference(struct built *d, const char *file, uint64_t offset,
                            uint64_t len)
{
    struct buf b = BUF_INIT(1 << 20);

    buf_putc(&b, 0);
    put_file(&b, file, 0);
    build_varint(&b, 1);
    build_varint(&b, 1);
    buf_putc(&b, 'k');
    build_varint(&b, len);
    buf_putc(&b, 1);
    build_varint(&b, 0);
    build_varint(&b, offset);
    build_wrap(&d->nodes, BUILD_NODE, 0, b.data, b.len);
    buf_done(&b);
}

/*
 * An inner node with n children, all the node at offset of the file; keys of
 * the i-th begin with the first common bytes of "00i/".
 */
static void build_inner(struct built *d, unsigned height, size_t n,
                        unsigned common, const char *file, size_t base,
                        uint64_t offset, uint64_t len)
{
    struct buf b = BUF_INIT(1 << 22);

    buf_putc(&b, (int)height);
    put_file(&b, file, base);
    build_varint(&b, n);
    for (size_t i = 1; i < n; i++)
        build_varint(&b, 0);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, 4);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, common);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%03zx/", i);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, 0);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, offset);
    for (size_t i = 0; i < n; i++)
        build_varint(&b, len);
    for (size_t i = 0; i < 3 * n; i++)
        build_varint(&b, 1);
    build_wrap(&d->nodes, BUILD_NODE, 0, b.data, b.len);
    buf_done(&b);
}

static const struct key three[] = { { 0, "a/x", "1" },
                                    { 2, "y", "" },
                                    { 0, "b", "three" } };

START_TEST(test_folders)
{
    /* "a-" and "a0" stand around "a/". */
    static const struct key keys[] = { { 0, "a", "1" },    { 1, "-/b", "2" },
                                       { 1, "/b/c", "3" }, { 3, "/d", "4" },
                                       { 2, "bb", "5" },   { 1, "0", "6" },
                                       { 0, "b//c", "7" }, { 0, "c/../d", "8" },
                                       { 0, "d/", "9" } };
    struct built *d = built_new();
    struct buf b = BUF_INIT(1000);
    struct store *base = NULL;
    struct store *s = NULL;
    struct error err;

    build_leaf(d, keys, sizeof keys / sizeof *keys);
    build_manifest(d, "d", 0, 0, 0, d->nodes.len);
    ck_ok(open_built(d, "d", &base, &s, &err), &err);
    ck_ok(store_list(s, "", collect, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), "a a-/ a/ a0 ");
    buf_clear(&b);
    ck_ok(store_list(s, "a", collect, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), "b/ bb ");
    buf_clear(&b);
    ck_ok(store_list(s, "a/b", collect, &b, &err), &err);
    ck_assert_str_eq(buf_str(&b), "c d ");
    buf_done(&b);
    store_free(s);
    store_free(base);
}
END_TEST

START_TEST(test_transitive)
{
    struct built *d = built_new();
    struct store *base = NULL;
    struct store *s = NULL;
    struct error err;
    uint64_t size = 0;
    size_t leaf;

    /* The inner node names "p/" + "q/d" and its child is relative to "p/q/". */
    build_leaf(d, three, 3);
    leaf = d->nodes.len;
    build_inner(d, 1, 2, 4, "q/d", 2, 0, leaf);
    build_manifest(d, "p/q/d", 2, 1, leaf, d->nodes.len - leaf);
    ck_ok(open_built(d, "p/q/d", &base, &s, &err), &err);
    ck_ok(store_size(s, "000/b", &size, &err), &err);
    ck_assert_uint_eq(size, 5);
    ck_ok(store_size(s, "001/a/x", &size, &err), &err);
    store_free(s);
    store_free(base);
}
END_TEST

START_TEST(test_paths)
{
    static const char *const bad[] = { "../d",     "/etc/passwd", "a/../../d",
                                       "d/./../d", "d//d",        "" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct built *d = built_new();

        build_leaf(d, three, 3);
        build_manifest(d, bad[i], 0, 0, 0, d->nodes.len);
        refuse(d, 0, ERR_PATH, "manifest.ocdbt");
        d = built_new();
        build_reference(d, bad[i], 0, 5);
        refuse(d, 0, ERR_PATH, "d");
        d = built_new();
        build_inner(d, 1, 1, 4, bad[i], 0, 0, 5);
        refuse(d, 1, ERR_PATH, "d");
    }
}
END_TEST

/* Values whose bytes are not there are damage, not absence. */
START_TEST(test_lost_values)
{
    static const struct {
        const char *file;
        uint64_t offset;
        const char *word;
    } lost[] = { { "gone", 0, "not there" }, { "d", 1000, "too short" } };

    for (size_t i = 0; i < 2; i++) {
        struct built *d = built_new();
        struct store *base = NULL;
        struct store *s = NULL;
        struct error err;
        char byte[5];

        build_reference(d, lost[i].file, lost[i].offset, 5);
        build_manifest(d, "d", 0, 0, 0, d->nodes.len);
        ck_ok(open_built(d, "d", &base, &s, &err), &err);
        ck_fails(store_read(s, "k", 0, byte, 5, &err), &err, ERR_INDEX,
                 lost[i].word);
        ck_assert_ptr_nonnull(strstr(err.subject, lost[i].file));
        ck_assert(err.hint[0]);
        store_free(s);
        store_free(base);
    }
}
END_TEST

START_TEST(test_order)
{
    static const struct {
        struct key keys[2];
        const char *word;
    } bad[] = {
        { { { 0, "b", "" }, { 0, "a", "" } }, "order" },
        { { { 0, "b", "" }, { 0, "b", "" } }, "order" },
        { { { 0, "bb", "" }, { 0, "b", "" } }, "order" },
        { { { 0, "b", "" }, { 1, "", "" } }, "order" },
        { { { 0, "b", "" }, { 2, "c", "" } }, "length of a key" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct built *d = built_new();

        build_leaf(d, bad[i].keys, 2);
        refuse(d, 0, ERR_INDEX, bad[i].word);
    }
}
END_TEST

START_TEST(test_shape_of_tree)
{
    struct built *d = built_new();
    size_t leaf;

    build_leaf(d, NULL, 0);
    refuse(d, 0, ERR_INDEX, "number of entries");
    d = built_new();
    build_leaf(d, three, 3);
    refuse(d, 1, ERR_INDEX, "another height");

    /* A node that is its own child has another height than it should. */
    d = built_new();
    build_inner(d, 2, 1, 4, "d", 0, 0, 50);
    leaf = d->nodes.len;
    buf_clear(&d->nodes);
    build_inner(d, 2, 1, 4, "d", 0, 0, leaf);
    refuse(d, 2, ERR_INDEX, "another height");

    /* Keys are said to share more than there is. */
    d = built_new();
    build_inner(d, 1, 1, 5, "d", 0, 0, 50);
    refuse(d, 1, ERR_INDEX, "length of a key");

    /* Two children with the same keys. */
    d = built_new();
    build_leaf(d, three, 3);
    leaf = d->nodes.len;
    build_inner(d, 1, 2, 0, "d", 0, 0, leaf);
    build_manifest(d, "d", 0, 1, leaf, d->nodes.len - leaf);
    refuse(d, 1, ERR_INDEX, "order");
}
END_TEST

/* Nine small nodes that make a tree of 2,048^8 leaves. */
START_TEST(test_bomb_of_nodes)
{
    struct built *d = built_new();
    size_t from = 0;
    size_t len;

    build_leaf(d, three, 3);
    len = d->nodes.len;
    for (unsigned height = 1; height <= 8; height++) {
        size_t at = d->nodes.len;

        build_inner(d, height, 0x800, 4, "d", 0, from, len);
        from = at;
        len = d->nodes.len - at;
    }
    build_manifest(d, "d", 0, 8, from, len);
    refuse(d, 8, ERR_LIMIT, "too many");
}
END_TEST

/* 256 MiB of zeros in a few KiB. */
START_TEST(test_bomb_of_zeros)
{
    struct built *d = built_new();
    size_t size = (size_t)256 << 20;
    unsigned char *zeros = calloc(1, size);
    size_t room = ZSTD_compressBound(size);
    unsigned char *packed = malloc(room);
    size_t n;

    ck_assert(zeros && packed);
    n = ZSTD_compress(packed, room, zeros, size, 1);
    build_wrap(&d->nodes, BUILD_NODE, 1, packed, n);
    refuse(d, 0, ERR_LIMIT, "too large");
    free(zeros);
    free(packed);
}
END_TEST

START_TEST(test_envelope)
{
    static const struct {
        size_t at;
        int value;
        bool summed; /* with a checksum that is right */
        enum error_code code;
        const char *word;
    } bad[] = {
        { 0, 1, false, ERR_INDEX, "begin" },
        { 3, 0x34, false, ERR_INDEX, "begin" },
        { 4, 99, false, ERR_INDEX, "length" },
        { 11, 1, false, ERR_INDEX, "length" },
        { 20, 77, false, ERR_INDEX, "checksum" },
        { 12, 1, true, ERR_FORMAT, "version" },
        { 13, 2, true, ERR_FORMAT, "compression" },
        { 13, 1, true, ERR_INDEX, "zstd" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct built *d = built_new();
        size_t len;

        build_leaf(d, three, 3);
        len = d->nodes.len;
        d->nodes.data[bad[i].at] = (unsigned char)bad[i].value;
        if (bad[i].summed) {
            d->nodes.len = len - 4;
            build_le(&d->nodes, crc32c_update(0, d->nodes.data, len - 4), 4);
        }
        refuse(d, 0, bad[i].code, bad[i].word);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = { test_folders,       test_transitive,
                             test_paths,         test_lost_values,
                             test_order,         test_shape_of_tree,
                             test_bomb_of_nodes, test_bomb_of_zeros,
                             test_envelope };

    return unit_run("ocdbt_built", tests, sizeof tests / sizeof *tests);
}
