/*
 * Errors as RFC 9457 problem documents.
 */
#ifndef SWITCHYARD_API_PROBLEM_H
#define SWITCHYARD_API_PROBLEM_H

#include "base/buf.h"
#include "base/error.h"

#define PROBLEM_MEDIA_TYPE "application/problem+json"

/*
 * Appends the document: type, title, status, detail, request_id and trace_id,
 * and where the error has them subject, expected, actual and hint. It is valid
 * UTF-8 whatever the error's texts hold.
 */
void problem_write(const struct error *e, const char *request_id,
                   const char *trace_id, struct buf *out);

#endif
