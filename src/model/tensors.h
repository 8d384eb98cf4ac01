/*
 * The tensors of a model, listed in module order, each with its array.
 */
#ifndef SWITCHYARD_MODEL_TENSORS_H
#define SWITCHYARD_MODEL_TENSORS_H

#include "model/dims.h"
#include "model/model.h"

/*
 * ERR_TENSORS with the first missing arrays and their count, unless every
 * array that the model needs is there. why is added to the message, "" for
 * nothing.
 */
int tensors_check(const struct inventory *inv, const struct dims *d,
                  const char *why, struct error *err);

/* Fills m's tensors; tensors_check() and dims_from_shapes() have passed. */
int tensors_list(const struct inventory *inv, const struct dims *d,
                 struct model *m, struct error *err);

#endif
