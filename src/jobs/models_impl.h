/*
 * What the files of models.h share; private to jobs/models*.c.
 */
#ifndef SWITCHYARD_JOBS_MODELS_IMPL_H
#define SWITCHYARD_JOBS_MODELS_IMPL_H

#include <pthread.h>

#include "jobs/models_backend.h"

enum { MODELS_CACHE = 64 };

/* Models looked at lately, by name and revision asked for. */
struct models_cached {
    char *asked; /* "name@revision" */
    struct stored_model *model;
};

struct models {
    struct models_backend *backend;
    struct models_config config; /* defaults filled in */
    int blobs;                   /* descriptors of the two folders */
    int staging;
    char *staging_path;

    /* Held while blobs come and go, to the end of the transaction. */
    pthread_mutex_t storing;

    pthread_mutex_t mutex; /* for what follows */
    uint64_t stored;       /* bytes of blobs */
    uint64_t reserved;     /* by stages */
    uint64_t generation;   /* counts changes of the catalogue */
    struct models_cached cache[MODELS_CACHE];
};

struct models_stage {
    struct models *models;
    char *label;
    char *path;
    uint64_t bytes;
};

/* Forgets cached models; call it once a change is committed. */
void models_changed(struct models *m);

/*
 * Hashes all files of a folder into model, and seals it. Anything but regular
 * files is an error.
 */
int models_hash_folder(int folder, const struct models_publication *p,
                       struct stored_model *model, struct error *err);

#endif
