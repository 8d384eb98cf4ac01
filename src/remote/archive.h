/*
 * Archives behind URLs.
 */
#ifndef SWITCHYARD_REMOTE_ARCHIVE_H
#define SWITCHYARD_REMOTE_ARCHIVE_H

#include "remote/remote.h"
#include "store/intake.h"

/* Whether a URL's last part looks like an archive: .tar.gz, .zip, ... */
bool archive_is(const char *url);

/*
 * Fetches an archive and unpacks it into folder while it comes in, within
 * limits. On failure the folder holds a part.
 */
int archive_fetch(struct fetch *f, const char *url,
                  const struct remote_options *o, const char *folder,
                  const struct intake_limits *limits, struct error *err);

#endif
