/*
 * What flaxformer's and t5x's own gin files set, as far as it tells of a
 * model: for includes of files that are not at hand.
 */
#ifndef SWITCHYARD_MODEL_GIN_KNOWN_H
#define SWITCHYARD_MODEL_GIN_KNOWN_H

/* One statement of a file, in the line that it has there. */
struct gin_known_line {
    unsigned line;
    const char *text;
};

struct gin_known_file {
    const char *name;                   /* as includes say it */
    const struct gin_known_line *lines; /* the last has a NULL text */
};

/* Mixtures of experts and runs; dense models. The last has a NULL name. */
extern const struct gin_known_file gin_known_moe[];
extern const struct gin_known_file gin_known_t5[];

#endif
