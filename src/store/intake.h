/*
 * Intake: files of strangers on their way into a folder.
 *
 * Whatever an upload is made of (an archive's entries, a form's parts), each of
 * its files passes here: its name is checked, it is counted, and its bytes are
 * written below the folder and nowhere else. One intake belongs to one thread
 * at a time.
 */
#ifndef SWITCHYARD_STORE_INTAKE_H
#define SWITCHYARD_STORE_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/sha256.h"

struct intake_limits {
    uint64_t bytes;   /* of all files, those that are skipped as well */
    uint64_t entries; /* files and folders, implied folders as well */
    uint64_t path;    /* bytes of the longest name */
    uint64_t reserve; /* bytes that stay free on the file system */
};

struct intake;

/*
 * folder exists and nobody else writes to it; that it holds no links but those
 * that were there before is what makes names safe. The caller frees *out.
 */
int intake_open(const char *folder, const struct intake_limits *limits,
                struct intake **out, struct error *err);

/* Makes a folder; it may be there already. */
int intake_folder(struct intake *in, const char *name, struct error *err);

/*
 * Starts a file, whose bytes follow by intake_write(), up to intake_end().
 * "./" in front is dropped. ERR_PATH for a name that could leave the folder,
 * ERR_ARCHIVE for one that was there before, ERR_LIMIT beyond a limit. size is
 * what is announced, to fail early; 0 if it is not known. Missing folders are
 * made.
 *
 * Of t5x's arrays ("target.encoder...", "state.param_states...") those of the
 * optimizer's state are two thirds of an upload and no conversion needs them:
 * a file with a component that starts with "state." is counted, not stored.
 */
int intake_begin(struct intake *in, const char *name, uint64_t size,
                 struct error *err);
int intake_write(struct intake *in, const void *data, size_t len,
                 struct error *err);
int intake_end(struct intake *in, struct error *err);

/*
 * Hashes what is stored from now on: names, sizes and bytes, in the order in
 * which they come.
 */
int intake_hash(struct intake *in, struct error *err);

/* The SHA-256 of it, once, after all has come. */
int intake_digest(struct intake *in, char out[SHA256_HEX + 1],
                  struct error *err);

/* Files begun so far, those that are skipped as well. */
uint64_t intake_files(const struct intake *in);

/* Bytes written so far. */
uint64_t intake_stored(const struct intake *in);

/* Closes; what was written stays. NULL is fine. */
void intake_free(struct intake *in);

#endif
