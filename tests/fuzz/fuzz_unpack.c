/*
 * store/unpack.c: whatever arrives, nothing is made outside of the folder, only
 * plain files and folders are made in it, and the limits hold.
 */
#include "folder.h"
#include "store/unpack.h"

static const struct intake_limits limits = {
    .bytes = 1 << 16, .entries = 32, .path = 300, .reserve = 0
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct intake *in = NULL;
    struct unpack *u = NULL;
    struct error err;
    size_t half = size / 2;
    int rc;

    folder_make();
    FUZZ_ASSERT(intake_open(folder_path, &limits, &in, &err) == 0);
    FUZZ_ASSERT(unpack_new(in, &u, &err) == 0);
    rc = unpack_feed(u, data, half, &err);
    if (!rc)
        rc = unpack_feed(u, data + half, size - half, &err);
    if (!rc)
        rc = unpack_finish(u, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    unpack_free(u);
    intake_free(in);
    folder_check_and_remove(&limits);
    return 0;
}
