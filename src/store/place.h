/*
 * The place of a folder that appears at once: a path where it will be, and a
 * hidden sibling, on the same file system, where it is made.
 */
#ifndef SWITCHYARD_STORE_PLACE_H
#define SWITCHYARD_STORE_PLACE_H

#include "store/target.h"

struct place {
    struct target target;
    char *part; /* the sibling's name; "" once published */
    int folder; /* its descriptor */
    bool overwrite;
};

/*
 * Checks that path can be published to, as sink_folder_open() describes, and
 * makes the sibling. On failure p needs no place_done().
 */
int place_open(struct place *p, const char *path, bool overwrite,
               struct error *err);

/* Moves the sibling to path, durably; its files are durable already. */
int place_publish(struct place *p, struct error *err);

/*
 * Instead: moves the sibling's files, durably, into the folder that it is in,
 * where others of those names are replaced.
 */
int place_publish_beside(struct place *p, struct error *err);

/* Frees p, and removes the sibling if it was not published. */
void place_done(struct place *p);

#endif
