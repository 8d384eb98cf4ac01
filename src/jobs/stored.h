/*
 * A stored model: one revision of a finished output under a name.
 *
 * Once handed out it is never changed; it is a counted reference. Names of
 * models, and revisions, are defined here.
 */
#ifndef SWITCHYARD_JOBS_STORED_H
#define SWITCHYARD_JOBS_STORED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"

enum { STORED_NAME_MAX = 96, STORED_REVISION_LEN = 40 };

struct stored_file {
    char *name;
    uint64_t size;
    char sha256[SHA256_HEX + 1];
};

/* Times are milliseconds since 1970. */
struct stored_model {
    atomic_uint refs;
    char name[STORED_NAME_MAX + 1]; /* "owner/name" */
    char revision[STORED_REVISION_LEN + 1];
    uint64_t published; /* under this name */
    uint64_t bytes;     /* of all files */
    char *provenance; /* JSON: how it was made; NULL: not known; not in lists */
    struct stored_file *files; /* sorted by name */
    size_t file_count;         /* 0 in lists */
};

struct stored_model *stored_new(void); /* NULL: no memory */
struct stored_model *stored_ref(struct stored_model *m);
void stored_unref(struct stored_model *m); /* NULL is fine */

/* The place of a file; -1 if there is none of that name. */
int stored_find(const struct stored_model *m, const char *file);

/* Appends a file, copying its name. */
int stored_add(struct stored_model *m, const char *name, uint64_t size,
               const char *sha256, struct error *err);

/*
 * Sorts the files and sets revision and bytes: the revision is the first 40 hex
 * digits of the SHA-256 over, for each file in the order of names, "name NUL
 * size NUL sha256 LF", the size in decimal. So it says what the content is, and
 * nothing else.
 */
int stored_seal(struct stored_model *m, struct error *err);

/*
 * ERR_USAGE unless name is "owner/name" as the Hugging Face Hub has it: of each
 * part 1 or more letters, digits, '-', '_' and '.', at most 96 in all; no part
 * starts or ends with '-' or '.', or has "--" or ".." in it; the name does not
 * end with ".git".
 */
int stored_check_name(const char *name, struct error *err);

/* Whether text is 40 hex digits, in lower case. */
bool stored_is_revision(const char *text);

struct stored_list {
    struct stored_model **items;
    size_t count;
};

/* Takes the model over, also on failure; NULL is a lack of memory. */
int stored_list_add_steal(struct stored_list *l, struct stored_model *m,
                          struct error *err);
void stored_list_done(struct stored_list *l);

#endif
