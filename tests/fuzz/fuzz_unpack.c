/*
 * store/unpack.c: whatever arrives, nothing is made outside of the folder, only
 * plain files and folders are made in it, and the limits hold.
 *
 * Each input gets an empty folder "in" beside a file "guard"; after it, the two
 * are still all that their parent holds.
 */
#include "fuzz.h"

#include <dirent.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/unpack.h"

static const struct intake_limits limits = {
    .bytes = 1 << 16, .entries = 32, .path = 300, .reserve = 0
};

static uint64_t seen_bytes;
static uint64_t seen_entries;

static int check_one(const char *path, const struct stat *st, int type,
                     struct FTW *ftw)
{
    (void)path;
    (void)ftw;
    FUZZ_ASSERT(type == FTW_F || type == FTW_DP);
    FUZZ_ASSERT(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
    if (ftw->level > 0)
        seen_entries++;
    if (S_ISREG(st->st_mode))
        seen_bytes += (uint64_t)st->st_size;
    FUZZ_ASSERT(remove(path) == 0);
    return 0;
}

static unsigned count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned n = 0;

    FUZZ_ASSERT(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void unpack(const char *folder, const uint8_t *data, size_t size)
{
    struct intake *in = NULL;
    struct unpack *u = NULL;
    struct error err;
    size_t half = size / 2;
    int rc;

    FUZZ_ASSERT(intake_open(folder, &limits, &in, &err) == 0);
    FUZZ_ASSERT(unpack_new(in, &u, &err) == 0);
    rc = unpack_feed(u, data, half, &err);
    if (!rc)
        rc = unpack_feed(u, data + half, size - half, &err);
    if (!rc)
        rc = unpack_finish(u, &err);
    FUZZ_ASSERT(!rc || (err.code == (enum error_code)rc && err.text[0]));
    unpack_free(u);
    intake_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char parent[] = "/tmp/fuzz_unpack-XXXXXX";
    char folder[64];

    FUZZ_ASSERT(mkdtemp(parent));
    snprintf(folder, sizeof folder, "%s/in", parent);
    FUZZ_ASSERT(mkdir(folder, 0700) == 0);
    seen_bytes = seen_entries = 0;
    unpack(folder, data, size);
    FUZZ_ASSERT(count_entries(parent) == 3);
    FUZZ_ASSERT(nftw(folder, check_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    FUZZ_ASSERT(seen_bytes <= limits.bytes);
    FUZZ_ASSERT(seen_entries <= limits.entries);
    FUZZ_ASSERT(rmdir(parent) == 0);
    return 0;
}
