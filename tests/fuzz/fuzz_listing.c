/*
 * Replies of object stores, the first byte says whose: entries that come out
 * are names inside their folder.
 */
#include "fuzz.h"

#include <string.h>

#include "remote/gcs_api.h"
#include "remote/gcs_token.h"
#include "remote/hf_api.h"
#include "remote/s3_api.h"

static int entry(void *ctx, const char *name, bool is_folder, struct error *err)
{
    (void)ctx;
    (void)is_folder;
    (void)err;
    FUZZ_ASSERT(store_check_name(name, NULL) == 0 && !strchr(name, '/'));
    return 0;
}

static int note(void *ctx, const char *name, uint64_t size, const char *version,
                struct error *err)
{
    (void)ctx;
    (void)size;
    (void)err;
    FUZZ_ASSERT(!strncmp(name, "m/", 2) && *version);
    return 0;
}

static void list(int (*read)(const void *, size_t, struct page *,
                             struct error *),
                 const uint8_t *data, size_t size)
{
    struct page p = { .prefix = "m/", .entry = entry, .note = note };
    struct error err;

    if (read(data, size, &p, &err))
        FUZZ_ASSERT(err.code == ERR_SOURCE && err.text[0]);
    free(p.next);
}

static void errors(const uint8_t *data, size_t size)
{
    struct s3_error e;
    char text[100];

    s3_api_read_error(data, size, &e);
    FUZZ_ASSERT(!*e.region || s3_api_is_region(e.region));
    gcs_api_message(data, size, text, sizeof text);
    FUZZ_ASSERT(strlen(text) < sizeof text);
}

static void check_token(const uint8_t *data, size_t size)
{
    char token[16];
    uint64_t seconds;
    struct error err;

    if (gcs_token_read(data, size, token, sizeof token, &seconds, &err) == 0)
        FUZZ_ASSERT(*token && strlen(token) < sizeof token &&
                    !strpbrk(token, " \r\n"));
    else
        FUZZ_ASSERT(err.code == ERR_SOURCE);
}

static void headers(const uint8_t *data, size_t size)
{
    char commit[HF_API_COMMIT + 1];
    char next[64];
    char *text = malloc(size + 1);
    struct error err;

    if (!text)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (hf_api_next_link(text, next, sizeof next))
        FUZZ_ASSERT(strstr(text, next));
    if (hf_api_read_commit(text, size, commit, &err) == 0)
        FUZZ_ASSERT(hf_api_is_commit(commit));
    check_token(data, size);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0]) {
    case 'g':
        list(gcs_api_read_list, data + 1, size - 1);
        break;
    case 's':
        list(s3_api_read_list, data + 1, size - 1);
        break;
    case 'h':
        list(hf_api_read_tree, data + 1, size - 1);
        break;
    case 'e':
        errors(data + 1, size - 1);
        break;
    default:
        headers(data, size);
    }
    return 0;
}
