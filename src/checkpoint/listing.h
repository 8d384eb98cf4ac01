/*
 * What the entries of a folder are called: steps, items, arrays, or folders
 * that are still being written.
 */
#ifndef SWITCHYARD_CHECKPOINT_LISTING_H
#define SWITCHYARD_CHECKPOINT_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { LISTING_MAX_ITEMS = 16 };

struct listing {
    struct listing_step {
        int64_t number;
        bool t5x;  /* "checkpoint_<digits>"; Orbax has other words, or none */
        bool file; /* flax.training's, where a step is one file */
        char *name;
    } * steps;
    size_t count;
    size_t cap;
    size_t t5x;      /* how many of them are called so */
    size_t folders;  /* that are of any interest */
    bool arrays;     /* it has folders of arrays, as a checkpoint does */
    bool unfinished; /* it has folders that are still being written */
    char items[LISTING_MAX_ITEMS][256]; /* the first folders; "" if too long */
};

/* For store_list(), with a struct listing that began as zeros. */
int listing_see(void *ctx, const char *name, bool is_folder, struct error *err);

/* Puts the step of the highest number first. */
void listing_sort(struct listing *l);
void listing_done(struct listing *l);

/* The number of "checkpoint_<digits>"; false for other names. */
bool listing_is_step(const char *name, int64_t *step);

/* Whether t5x or Orbax call what they are still writing so. */
bool listing_is_temporary(const char *name);

#endif
