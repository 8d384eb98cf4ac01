/*
 * XML, read as elements with text.
 */
#ifndef SWITCHYARD_REMOTE_XML_H
#define SWITCHYARD_REMOTE_XML_H

#include <stddef.h>

#include "base/error.h"

enum {
    XML_DEPTH_MAX = 8,
    XML_PATH_MAX = 255, /* bytes of the names of all open elements */
    XML_TEXT_MAX = 16384,
};

/*
 * Called at the end of each element without children: path has the names of
 * the open elements without namespaces ("Error/Code"), text what it holds. For
 * one with children text is NULL. Non-zero stops the reading.
 */
typedef int (*xml_element_fn)(void *ctx, const char *path, const char *text,
                              struct error *err);

/*
 * Reads one document. ERR_SOURCE if it is not well formed, exceeds the limits
 * above, or has a document type: that is where entities are declared, and no
 * server sends one.
 */
int xml_read(const void *data, size_t len, xml_element_fn fn, void *ctx,
             struct error *err);

#endif
