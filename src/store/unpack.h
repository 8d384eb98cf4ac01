/*
 * Unpack: an archive that arrives in pieces, into a folder.
 *
 * tar (ustar, pax, GNU) and zip, plain or compressed once with gzip or zstd;
 * which it is shows in the bytes, so no name or media type is needed. Only
 * files and folders are taken. Nothing of the archive itself is stored.
 */
#ifndef SWITCHYARD_STORE_UNPACK_H
#define SWITCHYARD_STORE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "store/intake.h"

struct unpack;

/* in is borrowed until unpack_free(), and not to be used before. */
int unpack_new(struct intake *in, struct unpack **out, struct error *err);

/*
 * Takes the next bytes and returns when they have been worked on, so a fast
 * sender is slowed down to the speed of the disk. After the archive's end
 * further bytes are ignored (though a plain tar has to end in zeros); after a
 * failure each call returns it again.
 *
 * ERR_MEDIA_TYPE if it is no archive, ERR_ARCHIVE if it is damaged or holds a
 * link, device, encrypted or sparse file, and all that intake_begin() returns.
 */
int unpack_feed(struct unpack *u, const void *data, size_t len,
                struct error *err);

/* No more bytes will come: ERR_ARCHIVE if some are missing. */
int unpack_finish(struct unpack *u, struct error *err);

/* Also before the end, which abandons the archive. NULL is fine. */
void unpack_free(struct unpack *u);

enum { UNPACK_SNIFF_BYTES = 512 };

/* Whether the first bytes of something look like an archive as above. */
bool unpack_sniff(const void *data, size_t len);

#endif
