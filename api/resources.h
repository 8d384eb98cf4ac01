/*
 * What the service keeps: the database, uploads, the queue and stored models.
 */
#ifndef SWITCHYARD_API_RESOURCES_H
#define SWITCHYARD_API_RESOURCES_H

#include "base/error.h"

struct service;

/*
 * Opens everything below the data folder of s->settings and repairs what a
 * crash left; ERR_IN_USE where another process has the folder.
 */
int resources_open(struct service *s, struct error *err);

/* Starts the workers, when everything else is there. */
int resources_start(struct service *s, struct error *err);

/* Takes no more jobs, and puts back what does not end within the time. */
void resources_stop(struct service *s, unsigned grace_seconds);

/* Closes what was opened, in any state. No request is active any more. */
void resources_close(struct service *s);

/* What has to be done from time to time; call it about once a second. */
void resources_tend(struct service *s);

#endif
