/*
 * tus 1.0 (https://tus.io/protocols/resumable-upload) on the exchange's side.
 */
#ifndef SWITCHYARD_API_RESUMABLE_H
#define SWITCHYARD_API_RESUMABLE_H

#include "exchange.h"

/* Whether a client of tus has sent the request. */
bool resumable_is_tus(const struct exchange *x);

/*
 * ERR_TUS_VERSION for another version of tus, or for none where the method is
 * one that only tus has.
 */
int resumable_check(const struct exchange *x, struct error *err);

/* POST: a new file, empty, with its first bytes, or from others. */
int resumable_begin_create(struct exchange *x, struct error *err);
int resumable_create(struct exchange *x, struct error *err);

/* PATCH: more bytes. */
int resumable_begin_append(struct exchange *x, struct error *err);
int resumable_append(struct exchange *x, struct error *err);

/* HEAD and DELETE. */
int resumable_head(struct exchange *x, struct error *err);
int resumable_delete(struct exchange *x, struct error *err);

/* For the route table: what tus wants in all replies, and in OPTIONS'. */
void resumable_headers(const struct exchange *x, struct MHD_Response *r);

#endif
