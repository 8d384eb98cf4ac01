/*
 * The JSON API of Google Cloud Storage, as far as reading goes: URLs to ask
 * for, and what the replies say. No requests are made here.
 *
 * Source: cloud.google.com/storage/docs/json_api/v1/objects (list, get).
 */
#ifndef SWITCHYARD_REMOTE_GCS_API_H
#define SWITCHYARD_REMOTE_GCS_API_H

#include "base/buf.h"
#include "remote/page.h"

/* Where requests go. Texts are borrowed; project may be NULL. */
struct gcs_api {
    const char *endpoint; /* "https://storage.googleapis.com" */
    const char *bucket;
    const char *project; /* who pays, where the requester does */
};

/* One page of a folder: prefix is "" or ends in '/'; token may be NULL. */
void gcs_api_list_url(const struct gcs_api *a, const char *prefix,
                      const char *token, struct buf *url);

/*
 * The bytes of an object. A generation other than "" pins them: the reply is
 * 412 if the object has another by now.
 */
void gcs_api_media_url(const struct gcs_api *a, const char *object,
                       const char *generation, struct buf *url);

/* Reads a reply to gcs_api_list_url(); what it says goes into p. */
int gcs_api_read_list(const void *data, size_t len, struct page *p,
                      struct error *err);

/*
 * What an error's body says, into text: the message of JSON or of plain text,
 * one line without control characters; "" if there is none. Returns text.
 */
const char *gcs_api_message(const void *data, size_t len, char *text,
                            size_t size);

#endif
