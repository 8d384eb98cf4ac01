/*
 * A growing list of texts for the user.
 */
#ifndef SWITCHYARD_MODEL_WARNINGS_H
#define SWITCHYARD_MODEL_WARNINGS_H

#include <stddef.h>

#include "base/error.h"

struct warnings {
    char **texts;
    size_t count;
};

int warnings_add(struct warnings *w, struct error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void warnings_done(struct warnings *w);

#endif
