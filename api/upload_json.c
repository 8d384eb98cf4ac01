/*
 * Uploads as JSON.
 */
#include "upload_json.h"

#include <string.h>

enum { JSON_BYTES = 64 << 10 };

/* Uploads have their times in seconds. */
static void put_time(struct json_writer *w, const char *key, int64_t seconds)
{
    json_key_time(w, key, seconds > 0 ? (uint64_t)seconds * 1000 : 0);
}

void upload_json_info(struct json_writer *w, const struct uploads_info *info)
{
    char reference[UPLOADS_ID_MAX + 8];

    snprintf(reference, sizeof reference, "upload:%s", info->id);
    json_open(w, '{');
    json_key_str(w, "id", info->id);
    json_key_str(w, "reference", reference);
    json_key_bool(w, "complete", info->complete == info->files);
    json_key_u64(w, "files", info->files);
    json_key_u64(w, "complete_files", info->complete);
    json_key_u64(w, "bytes", info->bytes);
    json_key_bool(w, "unpacked", info->unpacked);
    json_key_bool(w, "in_use", info->held);
    put_time(w, "created", info->created);
    put_time(w, "expires", info->expires);
    json_close(w, '}');
}

void upload_json_file(struct json_writer *w, const struct uploads_file *file)
{
    json_open(w, '{');
    json_key_str(w, "id", file->id);
    json_key_str(w, "path", file->path);
    json_key_bool(w, "complete", file->complete);
    json_key_bool(w, "partial", file->partial);
    json_key_u64(w, "offset", file->offset);
    json_key(w, "length");
    if (file->length == UPLOADS_UNKNOWN)
        json_nul(w);
    else
        json_u64(w, file->length);
    put_time(w, "created", file->created);
    json_close(w, '}');
}

int upload_json_reply_info(struct exchange *x, const struct uploads_info *info,
                           struct error *err)
{
    struct buf json = BUF_INIT(JSON_BYTES);
    struct json_writer w = JSON_WRITER(&json, JSON_STYLE_COMPACT);
    int rc;

    upload_json_info(&w, info);
    rc = buf_status(&json, err);
    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, "application/json", json.data,
                                  json.len, err);
    buf_done(&json);
    return rc;
}
