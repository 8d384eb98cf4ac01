/*
 * OCDBT databases, tensorstore's key-value format, as stores.
 *
 * Orbax keeps a whole checkpoint in one: "NAME/.zarray", "NAME/0.0" and so on
 * are keys, and their values lie side by side in a few data files.
 */
#ifndef SWITCHYARD_STORE_OCDBT_H
#define SWITCHYARD_STORE_OCDBT_H

#include "store/store.h"

/* The object that makes a folder a database. */
#define OCDBT_MANIFEST "manifest.ocdbt"

/*
 * Opens the newest version of the database in folder of base ("" for its root)
 * as a store whose names are the keys. base is borrowed and must outlive *out,
 * which the caller frees.
 *
 * Opening reads the manifest and all nodes of the tree; values that stand
 * outside of it are read from the data files when they are asked for, each by
 * one ranged read. The folder is listed only where the manifest says that
 * it is numbered. Kept are the keys, 32 bytes for each, and the values that
 * stand inside the tree: 640 MiB at most, beyond that it is ERR_LIMIT. (Each
 * limit by itself: 4 Mi keys of 256 MiB, 256 MiB of values; opening needs one
 * node more, up to 128 MiB twice.) Keys that are no names of a store ("",
 * "a//b", "../a") are left out.
 *
 * ERR_INDEX for a damaged or incomplete database, ERR_PATH where it names files
 * outside of folder, ERR_FORMAT for a version that is not known. Values that
 * cannot be read because their file is gone or too short are ERR_INDEX too, so
 * that they are never mistaken for keys that are not there.
 */
int ocdbt_open(struct store *base, const char *folder, struct store **out,
               struct error *err);

#endif
