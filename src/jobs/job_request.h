/*
 * A job's request as others may see it.
 */
#ifndef SWITCHYARD_JOBS_JOB_REQUEST_H
#define SWITCHYARD_JOBS_JOB_REQUEST_H

#include "base/json.h"

/*
 * Writes the member "request" into the object that is open in w: text, which is
 * JSON, but for the queries of URLs in it, which may hold signatures; null if
 * text is NULL.
 */
void job_request_write(struct json_writer *w, const char *text);

#endif
