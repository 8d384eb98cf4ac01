/*
 * What all requests share.
 */
#ifndef SWITCHYARD_API_SERVICE_H
#define SWITCHYARD_API_SERVICE_H

#include <stdatomic.h>

#include "gate.h"
#include "server.h"
#include "temp.h"
#include "watch.h"

/* Bytes of the data folder's file system that uploads leave free. */
#define SERVICE_DISK_RESERVE ((uint64_t)256 << 20)

struct service {
    struct server_options options;
    struct temp *temp;
    struct gate *gate;
    struct watch *watch;
    atomic_uint active;   /* requests */
    atomic_bool draining; /* no new work is taken */
};

#endif
