/*
 * For targets that write files: a folder that inputs are unpacked into, and
 * what must hold of it afterwards.
 */
#ifndef SWITCHYARD_TESTS_FUZZ_FOLDER_H
#define SWITCHYARD_TESTS_FUZZ_FOLDER_H

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/intake.h"

static char folder_parent[32];
static char folder_path[40]; /* the only entry of the parent */
static uint64_t folder_bytes;
static uint64_t folder_entries;

static inline void folder_make(void)
{
    snprintf(folder_parent, sizeof folder_parent, "/tmp/fuzz-XXXXXX");
    FUZZ_ASSERT(mkdtemp(folder_parent));
    snprintf(folder_path, sizeof folder_path, "%s/in", folder_parent);
    FUZZ_ASSERT(mkdir(folder_path, 0700) == 0);
}

static inline int folder_take(const char *path, const struct stat *st, int type,
                              struct FTW *ftw)
{
    FUZZ_ASSERT(type == FTW_F || type == FTW_DP);
    FUZZ_ASSERT(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
    if (ftw->level > 0)
        folder_entries++;
    if (S_ISREG(st->st_mode))
        folder_bytes += (uint64_t)st->st_size;
    FUZZ_ASSERT(remove(path) == 0);
    return 0;
}

/* Only files and folders are in it, within the limits, and none beside it. */
static inline void folder_check_and_remove(const struct intake_limits *limits)
{
    folder_bytes = folder_entries = 0;
    FUZZ_ASSERT(nftw(folder_path, folder_take, 16, FTW_DEPTH | FTW_PHYS) == 0);
    FUZZ_ASSERT(folder_bytes <= limits->bytes);
    FUZZ_ASSERT(folder_entries <= limits->entries);
    FUZZ_ASSERT(rmdir(folder_parent) == 0);
}

#endif
