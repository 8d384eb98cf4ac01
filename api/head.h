/*
 * A request's head: what it asks for, and whether that is answered at all.
 */
#ifndef SWITCHYARD_API_HEAD_H
#define SWITCHYARD_API_HEAD_H

#include "exchange.h"

/* Sets the exchange's method. */
void head_take_method(struct exchange *x, const char *method);

/*
 * Finds the route, and checks in this order: that the head is sound and not too
 * large, path, method, who asks, what is accepted. Then the route begins.
 */
int head_check(struct exchange *x, struct error *err);

#endif
