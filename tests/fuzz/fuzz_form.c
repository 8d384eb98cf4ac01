/*
 * api/form.c, by way of api/upload.c: forms with files, archives and options
 * stay in their folder and within the limits, as archives do.
 */
#include "folder.h"
#include "upload.h"

static int set_option(void *ctx, const char *name, const char *value,
                      struct error *err)
{
    bool known = false;
    int rc = request_set(ctx, name, value, &known, err);

    return rc || known ? rc : error_set(err, ERR_USAGE, "unknown: %s", name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request request;
    const struct upload_target target = {
        .folder = folder_path,
        .limits = { .bytes = 1 << 16, .entries = 32, .path = 300 },
        .request = &request,
        .option = set_option,
        .ctx = &request,
    };
    struct upload *u = NULL;
    struct error err;
    size_t half = size / 2;
    struct upload_totals totals;
    int rc;

    folder_make();
    request_init(&request);
    FUZZ_ASSERT(
        upload_new(&target, "multipart/form-data; boundary=b", &u, &err) == 0);
    rc = upload_feed(u, data, half, &err);
    if (!rc)
        rc = upload_feed(u, data + half, size - half, &err);
    if (!rc)
        rc = upload_finish(u, &totals, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    upload_free(u);
    request_done(&request);
    folder_check_and_remove(&target.limits);
    return 0;
}
