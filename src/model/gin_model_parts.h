/*
 * What the files of gin_model share. Internal to them.
 */
#ifndef SWITCHYARD_MODEL_GIN_MODEL_PARTS_H
#define SWITCHYARD_MODEL_GIN_MODEL_PARTS_H

#include "model/gin_model.h"

/*
 * Adds a refusal for parameter, whose value stands at; *out is its error, to
 * which expected and a hint may be added.
 */
int gin_model_refuse(struct gin_model *m, const struct gin_binding *parameter,
                     const struct gin_binding *at, const char *what,
                     struct error **out, struct error *err);

/* True for a binding of this parameter, in whatever module and scope. */
bool gin_model_is(const struct gin_binding *b, const char *selector,
                  const char *parameter);

/* Refuses what transformers lacks. */
int gin_model_taboos(const struct gin *g, struct gin_model *m,
                     struct error *err);

/* Refuses layers that transformers would not make alike. */
int gin_model_layers(const struct gin *g, struct gin_model *m,
                     struct error *err);

#endif
