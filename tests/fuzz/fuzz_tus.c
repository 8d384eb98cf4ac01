/*
 * uploads/tus, uploads/checksum: header values, the first byte says of which
 * header.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "uploads/checksum.h"
#include "uploads/tus.h"
#include "uploads/uploads.h"

static void metadata(const char *text)
{
    static struct tus_metadata m;
    struct error err;

    if (tus_parse_metadata(text, &m, &err))
        return;
    FUZZ_ASSERT(m.count <= TUS_METADATA_PAIRS);
    for (size_t i = 0; i < m.count; i++)
        FUZZ_ASSERT(m.keys[i][0] && strlen(m.values[i]) < strlen(text));
    if (tus_metadata_path(&m))
        FUZZ_ASSERT(tus_metadata_path(&m)[0] != '/');
}

static void concat(const char *text)
{
    struct tus_concat c;
    struct error err;

    if (tus_parse_concat(text, &c, &err))
        return;
    for (size_t i = 0; i < c.count; i++)
        FUZZ_ASSERT(tus_is_id(c.ids[i]));
    tus_concat_done(&c);
}

static void checksum(int (*parse)(const char *, struct checksum *,
                                  struct error *),
                     const char *text)
{
    struct checksum_state *s = NULL;
    struct checksum c;
    struct error err;

    if (parse(text, &c, &err) || !c.algorithm)
        return;
    FUZZ_ASSERT(c.len > 0 && c.len <= CHECKSUM_BYTES);
    if (checksum_start(&c, &s, &err) == 0) {
        FUZZ_ASSERT(checksum_verify(s, &err) == 0 || err.code == ERR_CHECKSUM);
        checksum_free(s);
    }
}

static void reference(const char *text)
{
    char id[UPLOADS_ID_MAX + 1];
    const char *path = NULL;

    if (uploads_parse_reference(text, id, &path))
        FUZZ_ASSERT(tus_is_id(id) &&
                    (!*path || store_check_name(path, NULL) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = size > 0 ? malloc(size) : NULL;

    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0]) {
    case 'm':
        metadata(text);
        break;
    case 'c':
        concat(text);
        break;
    case 's':
        checksum(checksum_parse_tus, text);
        break;
    case 'd':
        checksum(checksum_parse_digest, text);
        break;
    default:
        reference(text);
    }
    free(text);
    return 0;
}
