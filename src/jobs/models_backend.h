/*
 * The catalogue of models: the vtable behind models.h.
 *
 * Calls come between begin() and end(). Models handed out are the caller's.
 */
#ifndef SWITCHYARD_JOBS_MODELS_BACKEND_H
#define SWITCHYARD_JOBS_MODELS_BACKEND_H

#include "jobs/models.h"

struct models_backend;

/* What sweep() calls for each blob that it has removed; non-zero stops it. */
typedef int (*models_blob_fn)(void *ctx, const char *sha256, uint64_t size,
                              struct error *err);

struct models_backend_ops {
    int (*begin)(struct models_backend *b, enum db_mode mode, struct db_tx **tx,
                 struct error *err);
    int (*end)(struct models_backend *b, struct db_tx *tx, int rc,
               struct error *err);
    /* With files; *out is NULL where there is none. revision NULL: main. */
    int (*get)(struct models_backend *b, struct db_tx *tx, const char *name,
               const char *revision, struct stored_model **out,
               struct error *err);
    /* "" where there is none. */
    int (*result)(struct models_backend *b, struct db_tx *tx, const char *key,
                  char revision[STORED_REVISION_LEN + 1], struct error *err);
    int (*list)(struct models_backend *b, struct db_tx *tx, const char *owner,
                const char *after, size_t limit, struct stored_list *out,
                struct error *err);
    int (*revisions)(struct models_backend *b, struct db_tx *tx,
                     const char *name, struct stored_list *out,
                     struct error *err);
    int (*has_blob)(struct models_backend *b, struct db_tx *tx,
                    const char *sha256, bool *out, struct error *err);
    /* Bytes of all blobs. */
    int (*total)(struct models_backend *b, struct db_tx *tx, uint64_t *bytes,
                 struct error *err);
    /* Revision, files and blobs; nothing where the revision is there. */
    int (*add)(struct models_backend *b, struct db_tx *tx,
               const struct stored_model *model, struct error *err);
    /* Makes a revision that is there the main one of name. */
    int (*link)(struct models_backend *b, struct db_tx *tx, const char *name,
                const char *revision, uint64_t now, struct error *err);
    int (*set_result)(struct models_backend *b, struct db_tx *tx,
                      const char *key, const char *revision, struct error *err);
    /* Takes the name from a revision, or from all; *found: there was one. */
    int (*unlink)(struct models_backend *b, struct db_tx *tx, const char *name,
                  const char *revision, bool *found, struct error *err);
    /* Removes revisions without a name, and blobs without a revision. */
    int (*sweep)(struct models_backend *b, struct db_tx *tx, models_blob_fn fn,
                 void *ctx, struct error *err);
    void (*free)(struct models_backend *b);
};

/* Implementations embed this as their first member. */
struct models_backend {
    const struct models_backend_ops *ops;
};

/* Takes the backend over, also on failure. */
int models_open_steal(struct models_backend *backend, const char *folder,
                      const struct models_config *config, struct models **out,
                      struct error *err);

#endif
