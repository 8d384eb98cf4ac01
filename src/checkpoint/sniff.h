/*
 * Telling an index from other files that are given for one.
 */
#ifndef SWITCHYARD_CHECKPOINT_SNIFF_H
#define SWITCHYARD_CHECKPOINT_SNIFF_H

#include "base/error.h"
#include "store/store.h"

#define SNIFF_MODEL_HINT "this looks like a converted model already"

/* 0 if the object begins as a msgpack map does; else says what it is. */
int sniff_index(struct store *store, const char *name, struct error *err);

/* ERR_FORMAT: "NAME looks like WHAT". */
int sniff_refuse(const char *name, const char *what, const char *hint,
                 struct error *err);

#endif
