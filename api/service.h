/*
 * What all requests share.
 */
#ifndef SWITCHYARD_API_SERVICE_H
#define SWITCHYARD_API_SERVICE_H

#include <stdatomic.h>

#include "gate.h"
#include "holds.h"
#include "jobs/models.h"
#include "jobs/worker.h"
#include "server.h"
#include "service/access.h"
#include "service/limiter.h"
#include "service/settings.h"
#include "sources.h"
#include "temp.h"
#include "uploads/uploads.h"
#include "watch.h"

struct service {
    const struct settings *settings; /* borrowed */
    struct access *access;
    struct limiter *limiter; /* NULL: no limit */
    struct temp *temp;
    struct gate *gate;
    struct watch *watch;
    struct db *db;
    struct uploads *uploads;
    struct jobs *jobs;
    struct models *models;
    struct measure *measure;
    struct holds *holds;
    struct sources *sources;
    struct worker *worker;
    unsigned tended;      /* how often resources_tend() was called */
    atomic_uint active;   /* requests */
    atomic_bool draining; /* no new work is taken */
};

#endif
