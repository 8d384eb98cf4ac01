/*
 * A decoder for BloscLZ, the codec of blosc's own that descends from FastLZ.
 *
 * Elements begin with a control byte. Below 32 it is a run of that many
 * literals plus one. Otherwise its top three bits give a match's length (7:
 * more length bytes follow, until one is not 255) and the low five the high
 * bits of its distance; one more byte gives the low ones, and if both are at
 * their maximum a 16-bit distance follows. The first control byte is always a
 * literal run, only its low five bits count. A match may overlap itself.
 *
 * Lengths are summed in 64 bits and compared with the room that is left before
 * anything is copied; c-blosc's decoder let a 32-bit sum wrap.
 */
#include "checkpoint/blosclz.h"

#include <stdint.h>
#include <string.h>

enum {
    FAR_DISTANCE = 8191, /* what a far match's 16 bits are added to */
    FAR_HIGH = 31,
};

struct blosclz {
    const unsigned char *src;
    const unsigned char *src_end;
    unsigned char *start;
    unsigned char *dst;
    unsigned char *dst_end;
};

static bool take(struct blosclz *z, unsigned *byte)
{
    if (z->src == z->src_end)
        return false;
    *byte = *z->src++;
    return true;
}

static bool put_literals(struct blosclz *z, size_t len)
{
    if (len > (size_t)(z->src_end - z->src) ||
        len > (size_t)(z->dst_end - z->dst))
        return false;
    memcpy(z->dst, z->src, len);
    z->src += len;
    z->dst += len;
    return true;
}

/* The length of a match, but for the 3 that every match has. */
static bool take_length(struct blosclz *z, unsigned control, uint64_t *len)
{
    unsigned more = 255;

    *len = (control >> 5) - 1;
    if (*len < 6)
        return true;
    while (more == 255) {
        if (!take(z, &more))
            return false;
        *len += more;
    }
    return true;
}

static bool take_distance(struct blosclz *z, unsigned control, size_t *distance)
{
    unsigned high = control & 31;
    unsigned low, far_high, far_low;

    if (!take(z, &low))
        return false;
    *distance = (size_t)(high << 8) + low + 1;
    if (low != 255 || high != FAR_HIGH)
        return true;
    if (!take(z, &far_high) || !take(z, &far_low))
        return false;
    *distance = (size_t)(far_high << 8 | far_low) + FAR_DISTANCE + 1;
    return true;
}

static bool put_match(struct blosclz *z, unsigned control)
{
    uint64_t len = 0;
    size_t distance = 0;

    if (!take_length(z, control, &len) || !take_distance(z, control, &distance))
        return false;
    len += 3;
    if (distance > (size_t)(z->dst - z->start) ||
        len > (uint64_t)(z->dst_end - z->dst))
        return false;
    for (; len > 0; len--, z->dst++)
        *z->dst = *(z->dst - distance);
    return true;
}

bool blosclz_decode(const unsigned char *src, size_t n, unsigned char *dst,
                    size_t size)
{
    struct blosclz z = { src, src + n, dst, dst, dst + size };
    unsigned control = 0;

    if (!take(&z, &control) || !put_literals(&z, (control & 31) + 1U))
        return false;
    while (take(&z, &control))
        if (!(control < 32 ? put_literals(&z, control + 1U)
                           : put_match(&z, control)))
            return false;
    return z.dst == z.dst_end;
}
