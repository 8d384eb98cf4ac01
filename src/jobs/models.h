/*
 * Stored models: what finished jobs leave behind, until it is deleted.
 *
 * A model "owner/name" has revisions, the newest of which is its main one. A
 * revision never changes; two models of the same content are one revision, and
 * files of the same content are stored once, whatever they belong to.
 *
 * Bytes are in FOLDER/models/blobs, a file for each content, named by its
 * SHA-256; what is being made is in FOLDER/models/staging. A publication is
 * durable before it is visible, and visible at once. All calls are safe from
 * any thread.
 */
#ifndef SWITCHYARD_JOBS_MODELS_H
#define SWITCHYARD_JOBS_MODELS_H

#include "jobs/db.h"
#include "jobs/stored.h"

struct models;

struct models_config {
    uint64_t quota; /* bytes of everything stored; 0: no limit */
    /* Bytes that count against the quota beside models; NULL: none. */
    uint64_t (*other_bytes)(void *ctx);
    void *ctx;
    uint64_t (*clock)(void); /* milliseconds since 1970; NULL: the system's */
};

/*
 * Opens what the data folder of db holds, and removes what nothing refers to:
 * work of a dead process, and bytes of models that are gone. db is borrowed.
 */
int models_open_sqlite(struct db *db, const struct models_config *config,
                       struct models **out, struct error *err);

/* The same with its catalogue in memory, for tests: it starts empty. */
int models_open_memory(const char *folder, const struct models_config *config,
                       struct models **out, struct error *err);

/* No stage is open. NULL is fine. */
void models_close(struct models *m);

/* Bytes stored, and reserved by open stages. */
uint64_t models_bytes(struct models *m);

/* ---- reading ---- */

/*
 * A model with its files; revision is 40 hex digits, or "main" or NULL for the
 * main one. ERR_NOT_FOUND.
 */
int models_get(struct models *m, const char *name, const char *revision,
               struct stored_model **out, struct error *err);

/*
 * Opens a file for reading. The caller closes *fd, which stays good when the
 * model is deleted. ERR_NOT_FOUND if it was deleted since models_get().
 */
int models_open_file(struct models *m, const struct stored_file *file, int *fd,
                     struct error *err);

/*
 * Main revisions in the order of names, without their files. owner and after
 * (the name that the page before ended with) may be NULL.
 */
int models_list(struct models *m, const char *owner, const char *after,
                size_t limit, struct stored_list *out, struct error *err);

/* All revisions of a model, newest first, without files. ERR_NOT_FOUND. */
int models_revisions(struct models *m, const char *name,
                     struct stored_list *out, struct error *err);

/* The revision that a job of that key has made; ERR_NOT_FOUND. */
int models_find_result(struct models *m, const char *key,
                       char revision[STORED_REVISION_LEN + 1],
                       struct error *err);

/* ---- writing ---- */

/* A place to make a model in, and the bytes that it may take. */
struct models_stage;

/*
 * label is unique among open stages, and a file name. ERR_QUOTA unless bytes
 * more may be stored.
 */
int models_stage(struct models *m, const char *label, uint64_t bytes,
                 struct models_stage **out, struct error *err);

/* Where to write: not there yet, in a folder that is. Lives with the stage. */
const char *models_stage_path(const struct models_stage *s);

/* Removes what is left of it. NULL is fine. */
void models_stage_free(struct models_stage *s);

/* Under which name, and what is to be remembered. */
struct models_publication {
    const char *name;
    const char *key;           /* of the job: job_key(); may be NULL */
    const char *provenance;    /* JSON; may be NULL */
    const atomic_bool *cancel; /* may be NULL; ERR_CANCELLED soon after */
    unsigned threads;          /* to hash with; 0: 2 */
};

/*
 * Makes the stage's files, which are regular and durable, the main revision of
 * the name. Until the end nothing is visible; on success all is durable.
 */
int models_publish(struct models *m, struct models_stage *s,
                   const struct models_publication *p,
                   struct stored_model **out, struct error *err);

/* Makes an existing result the main revision of a name; ERR_NOT_FOUND. */
int models_link(struct models *m, const char *name, const char *key,
                struct stored_model **out, struct error *err);

/*
 * Deletes a revision, or with NULL the whole model, and all bytes that nothing
 * refers to any more. ERR_NOT_FOUND.
 */
int models_delete(struct models *m, const char *name, const char *revision,
                  struct error *err);

#endif
