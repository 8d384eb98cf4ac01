/*
 * A stored model as a store: its files by name.
 */
#ifndef SWITCHYARD_JOBS_MODELS_VIEW_H
#define SWITCHYARD_JOBS_MODELS_VIEW_H

#include "jobs/models.h"
#include "store/store.h"

/*
 * Opens all files of a model that was got with them; they stay readable though
 * the model is deleted meanwhile. m and model are not needed afterwards.
 */
int models_view_open(struct models *m, const struct stored_model *model,
                     struct store **out, struct error *err);

#endif
