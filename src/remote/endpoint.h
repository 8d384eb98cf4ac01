/*
 * Endpoints: where an object store is, other than where it is by default.
 */
#ifndef SWITCHYARD_REMOTE_ENDPOINT_H
#define SWITCHYARD_REMOTE_ENDPOINT_H

#include <stdbool.h>

#include "base/error.h"

/*
 * given, or where that is NULL or "" the fallback, as "scheme://host[:port]"
 * that the caller frees; trusted is set to whether it was given. "host:port" is
 * taken for http, as emulators are named. ERR_USAGE, with what as the name of
 * the setting, for what has a path, a query or is no URL.
 */
int endpoint_take(const char *what, const char *given, const char *fallback,
                  char **out, bool *trusted, struct error *err);

#endif
