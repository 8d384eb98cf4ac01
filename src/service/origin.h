/*
 * Web origins that may use the API from a browser (CORS).
 */
#ifndef SWITCHYARD_SERVICE_ORIGIN_H
#define SWITCHYARD_SERVICE_ORIGIN_H

#include <stdbool.h>

#include "base/error.h"

/*
 * ERR_USAGE unless text is "", "*" or origins with commas between them, each as
 * a browser sends it: scheme://host or scheme://host:port, in lower case. name
 * is what the user calls the value.
 */
int origin_check_list(const char *name, const char *text, struct error *err);

/* Whether a list that was checked names origin, which is a header's value. */
bool origin_allowed(const char *list, const char *origin);

#endif
