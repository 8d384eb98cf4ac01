/*
 * CRC-32C (Castagnoli): the checksum of zarr 3's crc32c codec, of OCDBT nodes
 * and of x-goog-hash.
 *
 * Polynomial 0x1edc6f41, reflected, start and final value inverted, as in
 * RFC 3720, appendix B.4. Any thread may call these at any time.
 */
#ifndef SWITCHYARD_BASE_CRC32C_H
#define SWITCHYARD_BASE_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of what crc is the checksum of (0 for nothing yet) followed by
 * len bytes at data.
 */
uint32_t crc32c_update(uint32_t crc, const void *data, size_t len);

/* Whether the CPU's own instruction does the work. */
bool crc32c_is_fast(void);

/* For tests: tables, even where the CPU could do it. */
void crc32c_force_plain(bool plain);

#endif
