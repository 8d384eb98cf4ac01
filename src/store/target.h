/*
 * The target of a publication: where a path leads, and what stands there.
 */
#ifndef SWITCHYARD_STORE_TARGET_H
#define SWITCHYARD_STORE_TARGET_H

#include <dirent.h>
#include <stdbool.h>

#include "base/error.h"

/* A folder by its parent; the parent's descriptor is open for reading. */
struct target {
    char *path; /* as given, for messages */
    char *name;
    int parent;
};

enum target_kind { TARGET_ABSENT, TARGET_EMPTY, TARGET_FILES };

/*
 * Finds parent and name of path, which need not exist; missing parents are
 * created. On failure t needs no target_done().
 */
int target_find(struct target *t, const char *path, struct error *err);
void target_done(struct target *t);

/*
 * What stands at t now; ERR_EXISTS for anything that may not be replaced,
 * which is everything but an empty folder and, with overwrite, one that holds
 * nothing but files.
 */
int target_look(const struct target *t, bool overwrite, enum target_kind *out,
                struct error *err);

/* Whether a conversion writes a file of that name, and so replaces it. */
bool target_is_output(const char *name);

/* The error for what cannot be replaced: the path, why, and what to do. */
int target_refuse(const struct target *t, const char *why, const char *which,
                  const char *hint, struct error *err);

/* ERR_SPACE or ERR_WRITE with errno: "cannot WHAT PATH: ...". */
int target_fail(const struct target *t, const char *what, struct error *err);

/* A stream over a folder's entries that leaves the descriptor alone. */
DIR *target_list(int folder);
bool target_is_dots(const char *name);

/* True for the errno values of a full disk or quota. */
bool target_no_space(int errnum);

#endif
