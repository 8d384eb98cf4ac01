/*
 * Uploads and their files as JSON.
 */
#ifndef SWITCHYARD_API_UPLOAD_JSON_H
#define SWITCHYARD_API_UPLOAD_JSON_H

#include "base/json.h"
#include "exchange.h"

void upload_json_info(struct json_writer *w, const struct uploads_info *info);
void upload_json_file(struct json_writer *w, const struct uploads_file *file);

/* Replies with one of either. */
int upload_json_reply_info(struct exchange *x, const struct uploads_info *info,
                           struct error *err);

#endif
