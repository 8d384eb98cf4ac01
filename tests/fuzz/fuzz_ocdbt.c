/*
 * store/ocdbt.h over any bytes as the manifest, or as the bodies of a manifest
 * and of nodes in envelopes that are sound, which random bytes never get past.
 *
 * The first byte says which: 0 for a whole manifest; otherwise pieces follow,
 * each behind two bytes of length, of which the first is the manifest's body
 * and the others are nodes, one after the other in the data file "d".
 *
 * Whatever opens must be a sound store: it lists what it holds, each name is
 * one that a store may have, and no file outside of its folder is asked for.
 */
#include <string.h>

#include "../unit/ocdbt_build.h"
#include "fuzz.h"
#include "store/ocdbt.h"

static void check_value(struct store *s, const char *path)
{
    struct buf b = BUF_INIT(1 << 20);
    struct error err;
    uint64_t size = 0;
    int rc;

    FUZZ_ASSERT(store_check_name(path, &err) == 0);
    FUZZ_ASSERT(store_size(s, path, &size, &err) == 0);
    rc = store_get(s, path, 1 << 20, &b, &err);
    FUZZ_ASSERT(rc == 0 || rc == ERR_INDEX || rc == ERR_LIMIT ||
                rc == ERR_PATH);
    FUZZ_ASSERT(rc || b.len == size);
    buf_done(&b);
}

struct place {
    struct store *s;
    const char *folder;
};

static int see(void *ctx, const char *name, bool is_folder, struct error *err)
{
    struct place *p = ctx;
    char path[STORE_NAME_MAX + 1];
    struct place inner = { p->s, path };
    int n = snprintf(path, sizeof path, "%s%s%s", p->folder,
                     *p->folder ? "/" : "", name);

    FUZZ_ASSERT(n > 0 && (size_t)n < sizeof path);
    if (is_folder)
        return store_list(p->s, path, see, &inner, err);
    check_value(p->s, path);
    return 0;
}

/* The next piece of data, and data and size moved behind it. */
static size_t take(const uint8_t **data, size_t *size, const uint8_t **piece)
{
    size_t len = 0;

    if (*size >= 2) {
        len = (size_t)(*data)[0] << 8 | (*data)[1];
        *data += 2;
        *size -= 2;
    }
    len = len < *size ? len : *size;
    *piece = *data;
    *data += len;
    *size -= len;
    return len;
}

static void build(struct store *base, const uint8_t *data, size_t size)
{
    struct buf manifest = BUF_INIT(1 << 20);
    struct buf nodes = BUF_INIT(1 << 22);
    const uint8_t *piece = NULL;
    struct error err;
    size_t len = take(&data, &size, &piece);

    build_wrap(&manifest, BUILD_MANIFEST, 0, piece, len);
    while (size >= 2) {
        len = take(&data, &size, &piece);
        build_wrap(&nodes, BUILD_NODE, 0, piece, len);
    }
    FUZZ_ASSERT(store_memory_put(base, "manifest.ocdbt", manifest.data,
                                 manifest.len, &err) == 0);
    FUZZ_ASSERT(store_memory_put(base, "manifest.0000000000000001",
                                 manifest.data, manifest.len, &err) == 0);
    FUZZ_ASSERT(store_memory_put(base, "d", nodes.data, nodes.len, &err) == 0);
    buf_done(&manifest);
    buf_done(&nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store *base = NULL;
    struct store *s = NULL;
    struct place root = { NULL, "" };
    struct error err;
    int rc;

    FUZZ_ASSERT(store_memory_new(&base, &err) == 0);
    if (size > 0 && data[0])
        build(base, data + 1, size - 1);
    else
        FUZZ_ASSERT(store_memory_put(base, "manifest.ocdbt", data + !!size,
                                     size - !!size, &err) == 0);
    rc = ocdbt_open(base, "", &s, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    if (!rc) {
        root.s = s;
        FUZZ_ASSERT(store_list(s, "", see, &root, &err) == 0);
    }
    store_free(s);
    store_free(base);
    return 0;
}
