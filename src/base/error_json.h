/*
 * An error as the members of a problem object (RFC 9457).
 */
#ifndef SWITCHYARD_BASE_ERROR_JSON_H
#define SWITCHYARD_BASE_ERROR_JSON_H

#include "base/json.h"

/*
 * Writes type, title, status and detail into the object that is open in w, and
 * subject, expected, actual and hint where the error has them. type is
 * "/problems/" and the code's slug.
 */
void error_json_members(const struct error *err, struct json_writer *w);

#endif
