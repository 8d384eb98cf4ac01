/*
 * What a job's request names: from JSON to a checkpoint's folder and options.
 *
 * A request is an object of checkpoint ("upload:ID", a URL, a path), gin and
 * config (an "upload:ID/path", a URL or path, the text itself, for config an
 * object), model, and the options of a conversion. It is kept with the job as
 * canonical JSON.
 */
#ifndef SWITCHYARD_API_INPUTS_H
#define SWITCHYARD_API_INPUTS_H

#include <jansson.h>

#include "jobs/worker.h"
#include "service.h"

enum { INPUTS_MAX = 9 << 20 }; /* bytes of a request as JSON */

/* Whether a Content-Type, or NULL, is that of JSON. */
bool inputs_is_json(const char *type);

/* Sets an option or the model from text, as a query or form has it. */
int inputs_set(json_t *request, const char *name, const char *value,
               struct error *err);

/*
 * Checks what a client sent by itself, and writes its options in one way, so
 * that equal requests are equal texts. ERR_USAGE names the member.
 */
int inputs_check_form(json_t *request, struct error *err);

/* The same, and what it names has to be there (ERR_NOT_FOUND) and whole. */
int inputs_check(struct service *s, json_t *request, struct error *err);

/* What identifies the input's bytes, for job_key(). */
int inputs_identity(struct service *s, const json_t *request, struct buf *out,
                    struct error *err);

/* Its options, and the upload of its checkpoint: "" for one elsewhere. */
int inputs_set_options(const json_t *request, struct request *to,
                       struct error *err);
int inputs_checkpoint_id(const json_t *request,
                         char id[static UPLOADS_ID_MAX + 1], struct error *err);

/*
 * Opens what a request names, and reads what it states, into in, whose request
 * is as request_init() left it. key finds the trace of who asked. The caller
 * frees what in holds, and gives held back, also after a failure.
 */
int inputs_open(struct service *s, json_t *request, const char *key,
                const atomic_bool *cancel, struct worker_input *in,
                struct error *err);

/* The worker's hooks; ctx is the service. */
int inputs_resolve(void *ctx, const struct job *job, const atomic_bool *cancel,
                   struct worker_input *input, struct error *err);
void inputs_release(void *ctx, void *held);

#endif
