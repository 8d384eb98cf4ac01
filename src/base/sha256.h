/*
 * SHA-256, by libcrypto, which uses the CPU's instructions for it.
 */
#ifndef SWITCHYARD_BASE_SHA256_H
#define SWITCHYARD_BASE_SHA256_H

#include <stddef.h>

#include "base/error.h"

enum { SHA256_HEX = 64 };

struct sha256;

int sha256_new(struct sha256 **out, struct error *err);

/* A failure is remembered and reported by sha256_finish(). */
void sha256_add(struct sha256 *h, const void *data, size_t len);

/* 64 hex digits and a NUL. Frees h, also on failure. */
int sha256_finish(struct sha256 *h, char out[SHA256_HEX + 1],
                  struct error *err);

/* Abandons it. NULL is fine. */
void sha256_free(struct sha256 *h);

#endif
