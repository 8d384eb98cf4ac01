/*
 * Codecs: from a chunk as stored to exactly the bytes it must give.
 */
#ifndef SWITCHYARD_CHECKPOINT_CODEC_H
#define SWITCHYARD_CHECKPOINT_CODEC_H

#include <stddef.h>

#include "base/error.h"
#include "checkpoint/scratch.h"

struct codec {
    const char *id; /* as zarr calls it: "gzip"; "raw" for none */
    /*
     * Decodes n bytes at src, all of them, into at most size bytes at dst; *got
     * is how many. Errors are ERR_CHUNK (or ERR_MEMORY), and the text is a
     * predicate, "decodes to 1020 bytes", to which the caller adds the subject.
     * src and dst do not overlap.
     */
    int (*decode)(struct scratch *s, const unsigned char *src, size_t n,
                  unsigned char *dst, size_t size, size_t *got,
                  struct error *err);
};

/* The same into exactly size bytes; fewer are an error too. */
int codec_decode(const struct codec *codec, struct scratch *s,
                 const unsigned char *src, size_t n, unsigned char *dst,
                 size_t size, struct error *err);

/* By zarr's id, NULL for no compressor; NULL if there is no such codec. */
const struct codec *codec_find(const char *id);

/* The ids that can be decoded, for messages: "gzip, zlib, ...". */
const char *codec_names(void);

/* "decodes to ACTUAL bytes", with expected and actual set. */
int codec_wrong_size(size_t expected, unsigned long long actual, bool more,
                     struct error *err);

/* "is not valid WHAT", with a hint that the file is damaged. */
int codec_damaged(const char *what, struct error *err);

/*
 * One zlib stream, one lz4 block or zstd frames into exactly size bytes: what
 * blosc frames are made of. They fail as codec_decode() does.
 */
int codec_zlib(struct scratch *s, const unsigned char *src, size_t n,
               unsigned char *dst, size_t size, struct error *err);
int codec_zstd(struct scratch *s, const unsigned char *src, size_t n,
               unsigned char *dst, size_t size, struct error *err);

#endif
