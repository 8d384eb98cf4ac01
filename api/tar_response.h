/*
 * A tar archive as the body of a reply.
 */
#ifndef SWITCHYARD_API_TAR_RESPONSE_H
#define SWITCHYARD_API_TAR_RESPONSE_H

#include <microhttpd.h>

#include "store/tar.h"

/* Takes t over, also on failure, which is NULL. Its length is t's size. */
struct MHD_Response *tar_response_steal(struct tar *t);

#endif
