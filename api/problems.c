/*
 * GET /problems/{slug}: what the type of a problem document leads to.
 *
 * Status and title are those of the table of errors; here stands what an error
 * means to who gets it, once for all its occurrences.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "problem.h"
#include "routes.h"

enum { PAGE_MAX = 1 << 14 };

/* As a sentence or two, without anything that HTML would have to escape. */
static const char *const meanings[ERROR_COUNT] = {
    [ERR_INTERNAL] = "A defect of the service. Its log has more under the "
                     "request's id.",
    [ERR_MEMORY] = "There was not enough memory just now. Try again later.",
    [ERR_CANCELLED] = "The request was ended before it was done: the service "
                      "stops, or it took longer than the setting request-time "
                      "allows.",
    [ERR_USAGE] = "The request is not well formed, or an option of it has a "
                  "value that it cannot have.",
    [ERR_INDEX] = "The file that lists the checkpoint's arrays cannot be "
                  "read. Is it complete?",
    [ERR_METADATA] = "The description of an array contradicts itself or is "
                     "not one that can be read.",
    [ERR_CHUNK] = "A piece of an array cannot be decoded, or is not as long "
                  "as it should be. Was it copied completely?",
    [ERR_CHUNK_MISSING] = "A piece of an array is not there. It is read as "
                          "zeros if the option allow_missing_chunks is set.",
    [ERR_PATH] = "A file's name leads out of the folder that it belongs to, or "
                 "cannot be stored.",
    [ERR_FORMAT] = "What was sent is in no format of checkpoints that can be "
                   "read here.",
    [ERR_UNFINISHED] = "The program that wrote the checkpoint did not come to "
                       "its end. Take an earlier step.",
    [ERR_MODEL] = "The checkpoint is that of a model that cannot be expressed "
                  "as Switch Transformers.",
    [ERR_TENSORS] = "The model lacks tensors, or has some that it should not "
                    "have.",
    [ERR_SHAPE] = "An array does not have the shape that follows from the "
                  "other arrays.",
    [ERR_CONFLICT] = "An option, the gin file or the configuration says "
                     "something else than the tensors do.",
    [ERR_CONFIG] = "The configuration is not valid JSON, or a value in it is "
                   "not possible.",
    [ERR_GIN] = "The gin file does not follow the grammar of gin, or a value "
                "in it is not possible.",
    [ERR_DTYPE] = "An array's data type cannot become the one that is wanted.",
    [ERR_ARCHIVE] =
        "The archive is damaged or incomplete, or holds what has no "
        "place in a checkpoint.",
    [ERR_SAFETENSORS] = "A safetensors file is damaged or not well formed.",
    [ERR_LIMIT] = "Something is larger or more than a limit of the service "
                  "allows. The member expected has the limit.",
    [ERR_NOT_FOUND] = "There is nothing at this address, or not any more.",
    [ERR_READ] = "The source of a conversion could not be read.",
    [ERR_EXISTS] = "What would be written is there already.",
    [ERR_SPACE] = "The disk of the service is too full.",
    [ERR_WRITE] = "The service could not write to its disk.",
    [ERR_METHOD] = "The address exists, but does not take this method. The "
                   "header Allow lists those it takes.",
    [ERR_MEDIA_TYPE] = "The body is in no form that is understood here.",
    [ERR_HEAD] = "The address with its query and the headers are larger than "
                 "the service reads. Cookies are the usual reason.",
    [ERR_NOT_ACCEPTABLE] = "The header Accept takes none of the media types "
                           "that there are here. The member expected lists "
                           "them.",
    [ERR_BUSY] = "The service takes no more work just now. The header "
                 "Retry-After says when to try again.",
    [ERR_UNAUTHORIZED] = "The request has no token, or one that the service "
                         "does not know. A token goes into the header "
                         "Authorization, as: Bearer TOKEN",
    [ERR_FORBIDDEN] = "The token is known, but its role is too low for this; "
                      "or a browser sent the request for a page of another "
                      "origin.",
    [ERR_RATE] = "One client made too many requests. The header Retry-After "
                 "says when to go on.",
    [ERR_OFFSET] = "The bytes do not begin where the upload ends so far. Ask "
                   "with HEAD where that is.",
    [ERR_IN_USE] = "Something that uses this has to end first.",
    [ERR_UNFINISHED_UPLOAD] = "Not all bytes of the upload have come yet.",
    [ERR_LOCKED] = "Another request is writing to this upload. Try again when "
                   "it has ended.",
    [ERR_CHECKSUM] = "The bytes changed on their way; none of them was kept. "
                     "Send them again.",
    [ERR_DIGEST] = "The bytes changed on their way; none of them was kept. "
                   "Send them again.",
    [ERR_TUS_VERSION] = "The header Tus-Resumable is missing, or names "
                        "another version than 1.0.0.",
    [ERR_PRECONDITION] = "The header If-Match names another content than the "
                         "resource has now. Fetch it again.",
    [ERR_RANGE] = "The file is shorter than the range that was asked for. "
                  "Content-Range says how long it is.",
    [ERR_DATABASE] = "The service's database cannot be read or written. Its "
                     "log has more under the request's id.",
    [ERR_QUEUE_FULL] = "So many jobs wait that no more is taken. The header "
                       "Retry-After says when to try again.",
    [ERR_KEY_REUSED] = "This Idempotency-Key came with another request "
                       "before. A new request needs a new key.",
    [ERR_JOB_STATE] = "The job has ended already, or has not ended yet.",
    [ERR_LEASE] = "The job was given to another worker.",
    [ERR_DIFFERENT] = "What was written was read again, and is not what was to "
                      "be written: the disk or its memory is to be suspected.",
    [ERR_ATTEMPTS] = "The job was started several times, and the service died "
                     "each time.",
    [ERR_QUOTA] = "All uploads and models together may not become larger. "
                  "Delete some.",
    [ERR_URL] = "A URL begins with https:// or another scheme that is known "
                "here, names a host, and has all but letters, digits and a "
                "few marks escaped with '%'.",
    [ERR_URL_DENIED] = "The service fetches from public addresses only, and "
                       "from those that its settings name besides. What the "
                       "URL or a redirect led to is none of them.",
    [ERR_SOURCE] = "The server that holds the source could not be reached, or "
                   "kept failing although the request was repeated. Try again "
                   "later.",
    [ERR_SOURCE_TIMEOUT] = "The server that holds the source did not send all "
                           "of it in time. Try again later.",
    [ERR_SOURCE_DENIED] = "The server that holds the source wants credentials "
                          "that it was not given, or does not accept those "
                          "that it was.",
    [ERR_SOURCE_CHANGED] = "Something was written to the source while it was "
                           "read. What was read is of no use: try again when "
                           "the source is at rest.",
};

static enum error_code find(const char *slug)
{
    for (int i = ERR_OK + 1; i < ERROR_COUNT; i++)
        if (!strcmp(error_slug((enum error_code)i), slug))
            return (enum error_code)i;
    return ERR_OK;
}

/* The title serves where there is no more to be said. */
static const char *meaning(enum error_code code)
{
    return meanings[code] ? meanings[code] : error_title(code);
}

static void write_text(enum error_code code, struct buf *out)
{
    buf_printf(out, "%s\n\n%s\n\nstatus: %d\ntype: /problems/%s\n",
               error_title(code), meaning(code), error_http_status(code),
               error_slug(code));
}

static void write_html(enum error_code code, struct buf *out)
{
    buf_printf(out,
               "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
               "<title>%s</title>\n<h1>%s</h1>\n<p>%s</p>\n"
               "<p>Status %d, type <code>/problems/%s</code></p>\n</html>\n",
               error_title(code), error_title(code), meaning(code),
               error_http_status(code), error_slug(code));
}

static void write_json(enum error_code code, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_COMPACT);
    char type[64];

    snprintf(type, sizeof type, "/problems/%s", error_slug(code));
    json_open(&w, '{');
    json_key_str(&w, "type", type);
    json_key_str(&w, "title", error_title(code));
    json_key_u64(&w, "status", (uint64_t)error_http_status(code));
    json_key_str(&w, "meaning", meaning(code));
    json_close(&w, '}');
    buf_putc(out, '\n');
}

const char *const problems_offers[] = { "application/json", "text/html",
                                        "text/plain", NULL };

static const struct {
    const char *type;
    void (*write)(enum error_code code, struct buf *out);
} forms[] = {
    { "application/json", write_json },
    { "text/html; charset=utf-8", write_html },
    { "text/plain; charset=utf-8", write_text },
};

int problems_get(struct exchange *x, struct error *err)
{
    enum error_code code = find(exchange_param(x, "slug"));
    struct buf text = BUF_INIT(PAGE_MAX);
    int rc;

    if (code == ERR_OK)
        return error_set(err, ERR_NOT_FOUND, "there is no such problem");
    forms[x->offer].write(code, &text);
    rc = buf_status(&text, err);
    if (!rc)
        rc = exchange_reply_bytes(x, MHD_HTTP_OK, forms[x->offer].type,
                                  text.data, text.len, err);
    buf_done(&text);
    return rc;
}
