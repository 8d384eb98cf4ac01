/*
 * Word to the service manager (systemd's sd_notify protocol).
 */
#ifndef SWITCHYARD_SERVICE_NOTIFY_H
#define SWITCHYARD_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sends state ("READY=1", "STOPPING=1", "WATCHDOG=1") to the socket that
 * NOTIFY_SOCKET names. false if it could not be sent; without a manager there
 * is nothing to do and nothing is sent.
 */
bool notify_send(const char *state);

/*
 * How often WATCHDOG=1 is expected, in microseconds: half of what the manager
 * allows. 0 where it does not watch this process.
 */
uint64_t notify_watchdog_interval(void);

#endif
