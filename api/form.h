/*
 * A form: multipart/form-data on its way into an upload's target (upload.h).
 */
#ifndef SWITCHYARD_API_FORM_H
#define SWITCHYARD_API_FORM_H

#include "upload.h"

struct form;

/* in and target are borrowed until form_free(). */
int form_new(const char *boundary, const struct upload_target *target,
             struct intake *in, struct form **out, struct error *err);
int form_feed(struct form *f, const void *data, size_t len, struct error *err);
int form_finish(struct form *f, struct error *err);
void form_free(struct form *f);

#endif
