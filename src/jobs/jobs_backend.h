/*
 * Where records of jobs are kept: the vtable behind jobs.h.
 *
 * All rules about jobs are in jobs.c; a backend stores and finds. Calls come
 * between begin() and end(), one transaction at a time for writers; PostgreSQL
 * would lock what load(), find_live() and next() return (FOR UPDATE, SKIP
 * LOCKED in next()). Records handed out are the caller's own copies.
 */
#ifndef SWITCHYARD_JOBS_JOBS_BACKEND_H
#define SWITCHYARD_JOBS_JOBS_BACKEND_H

#include "jobs/jobs.h"

struct jobs_backend;

struct jobs_backend_ops {
    int (*begin)(struct jobs_backend *b, enum db_mode mode, struct db_tx **tx,
                 struct error *err);
    /* Commits if rc is 0, else undoes; returns rc or why it could not. */
    int (*end)(struct jobs_backend *b, struct db_tx *tx, int rc,
               struct error *err);
    /* These set *out to NULL, without error, where there is none. */
    int (*load)(struct jobs_backend *b, struct db_tx *tx, const char *id,
                struct job **out, struct error *err);
    /* The oldest job of key and model that has not ended. */
    int (*find_live)(struct jobs_backend *b, struct db_tx *tx, const char *key,
                     const char *model, struct job **out, struct error *err);
    /* The oldest that jobs_claim() may take. */
    int (*next)(struct jobs_backend *b, struct db_tx *tx,
                const struct job_pick *pick, struct job **out,
                struct error *err);
    /* Any job that runs under a lease that ended before time. */
    int (*expired)(struct jobs_backend *b, struct db_tx *tx, uint64_t time,
                   struct job **out, struct error *err);
    /* Any job that ended before time. */
    int (*ended)(struct jobs_backend *b, struct db_tx *tx, uint64_t time,
                 struct job **out, struct error *err);
    int (*insert)(struct jobs_backend *b, struct db_tx *tx,
                  const struct job *job, struct error *err);
    int (*save)(struct jobs_backend *b, struct db_tx *tx, const struct job *job,
                struct error *err);
    /* With its events and idempotency keys. */
    int (*remove)(struct jobs_backend *b, struct db_tx *tx, const char *id,
                  struct error *err);
    int (*list)(struct jobs_backend *b, struct db_tx *tx,
                const struct job_filter *f, struct job_list *out,
                struct error *err);
    int (*count)(struct jobs_backend *b, struct db_tx *tx,
                 uint64_t counts[JOB_STATES], struct error *err);
    int (*add_event)(struct jobs_backend *b, struct db_tx *tx, const char *id,
                     const struct job_event *e, struct error *err);
    int (*events)(struct jobs_backend *b, struct db_tx *tx, const char *id,
                  uint64_t since, struct job_event *out, size_t limit,
                  size_t *n, struct error *err);
    int (*add_idempotency)(struct jobs_backend *b, struct db_tx *tx,
                           const char *key, const char *fingerprint,
                           const char *id, struct error *err);
    /* The job of a key and whether fingerprint is the one it came with. */
    int (*find_idempotency)(struct jobs_backend *b, struct db_tx *tx,
                            const char *key, const char *fingerprint,
                            struct job **out, bool *same, struct error *err);
    void (*free)(struct jobs_backend *b);
};

/* Implementations embed this as their first member. */
struct jobs_backend {
    const struct jobs_backend_ops *ops;
};

/* Takes the backend over, also on failure. */
int jobs_open_steal(struct jobs_backend *backend,
                    const struct jobs_config *config, struct jobs **out,
                    struct error *err);

/* Appends to a list and takes the record over, also on failure. */
int jobs_list_add_steal(struct job_list *l, struct job *job, struct error *err);

#endif
