/*
 * remote/location: what is understood names no other host and no folder above,
 * and the URLs that are made of it are URLs.
 */
#include "fuzz.h"

#include <string.h>

#include "remote/gcs_api.h"
#include "remote/hf_api.h"
#include "remote/location.h"
#include "remote/s3_api.h"
#include "remote/url.h"

static void check_url(struct buf *text, const char *host)
{
    struct error err;
    struct url u;

    if (!buf_str(text) || text->len > URL_MAX)
        return;
    FUZZ_ASSERT(url_parse(buf_str(text), &u, &err) == 0);
    FUZZ_ASSERT(!strcmp(u.host, host));
    url_done(&u);
    buf_clear(text);
}

static void check(const struct location *l)
{
    const struct gcs_api gcs = { "https://g", l->bucket, NULL };
    const struct s3_api s3 = { "https://s", "r", l->bucket, false };
    const struct hf_api hf = { "https://h", l->type, l->bucket, l->revision };
    struct buf text = BUF_INIT(4 * LOCATION_MAX);

    if (l->kind == LOCATION_HF) {
        hf_api_file_url(&hf, l->path, &text);
        check_url(&text, "h");
        hf_api_tree_url(&hf, l->path, &text);
        check_url(&text, "h");
    } else {
        gcs_api_media_url(&gcs, l->path, "", &text);
        check_url(&text, "g");
        s3_api_object_url(&s3, l->path, &text);
        check_url(&text, "s");
    }
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct location l;
    struct error err;
    char *text = malloc(size + 1);

    if (!text)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (location_parse(text, &l, &err) == 0) {
        FUZZ_ASSERT(!*l.path || store_check_name(l.path, NULL) == 0);
        check(&l);
        location_done(&l);
    } else {
        FUZZ_ASSERT(err.code == ERR_URL || err.code == ERR_PATH);
    }
    free(text);
    return 0;
}
