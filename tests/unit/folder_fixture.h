/*
 * A temporary folder for a test, and what to do with it.
 */
#ifndef SWITCHYARD_TESTS_FOLDER_FIXTURE_H
#define SWITCHYARD_TESTS_FOLDER_FIXTURE_H

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "unit.h"

static inline int folder_remove_entry(const char *path, const struct stat *st,
                                      int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* The folder may hold anything, and need not be there. */
static inline void folder_remove(const char *path)
{
    nftw(path, folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes an empty folder; path has room for 256 bytes. */
static inline void folder_make(char path[256])
{
    const char *base = getenv("TMPDIR");

    snprintf(path, 256, "%.200s/switchyard-test-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

#endif
