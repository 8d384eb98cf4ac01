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

/* Eight times as many as the largest public model has. */
enum { TENSORS_MAX = 1 << 20 };

/* Fills m's tensors, ERR_LIMIT beyond TENSORS_MAX; tensors_check() and
 * dims_from_shapes() have passed. */
int tensors_list(const struct inventory *inv, const struct dims *d,
                 struct model *m, struct error *err);

#endif
