/*
 * The parts of the OCDBT reader, among themselves.
 *
 * The format is tensorstore's, tensorstore/kvstore/ocdbt/index.rst in its
 * sources: lists are stored by column, each field for all entries before the
 * next one, and nearly every number is a varint (LEB128).
 */
#ifndef SWITCHYARD_STORE_OCDBT_IMPL_H
#define SWITCHYARD_STORE_OCDBT_IMPL_H

#include "store/ocdbt.h"

enum {
    OCDBT_MAX_KEY = 65535,               /* bytes, as tensorstore limits it */
    OCDBT_MAX_ENTRIES = 1 << 20,         /* of a node, likewise */
    OCDBT_MAX_FILES = 1 << 16,           /* that a database may name */
    OCDBT_MAX_KEYS = 1 << 22,            /* of a database */
    OCDBT_MAX_NODES = 1 << 20,           /* of its tree */
    OCDBT_MAX_MANIFEST = 16 << 20,       /* bytes of a manifest */
    OCDBT_MAX_BODY = 128 << 20,          /* decoded; Orbax stops at 100 MB */
    OCDBT_MAX_NAMES = 256 << 20,         /* bytes of all keys */
    OCDBT_MAX_INLINE = 256 << 20,        /* bytes of all values in the tree */
    OCDBT_MAX_FILE_NAMES = 16 << 20,     /* bytes of a node's file names */
    OCDBT_INLINE_FILE = OCDBT_MAX_FILES, /* no file: the value is in the tree */
};

/* All bodies of a tree, decoded: each is read once. */
#define OCDBT_MAX_TREE ((uint64_t)2 << 30)

enum ocdbt_magic { OCDBT_IS_MANIFEST = 0x0cdb3a2a, OCDBT_IS_NODE = 0x0cdb20de };

/* The decoded body of a manifest or node; read from at. */
struct ocdbt_body {
    const char *file; /* borrowed, for messages */
    uint64_t offset;  /* of the node in the file */
    unsigned char *data;
    size_t len;
    size_t at;
};

/*
 * Checks magic, length, checksum and version of the len bytes at raw, and
 * decodes the body into *out, which the caller frees with ocdbt_body_done().
 */
int ocdbt_unwrap(const char *file, uint64_t offset, enum ocdbt_magic magic,
                 const unsigned char *raw, size_t len, struct ocdbt_body *out,
                 struct error *err);
void ocdbt_body_done(struct ocdbt_body *b);

/* "FILE is damaged ...: WHAT", with the place. */
int ocdbt_damaged(const struct ocdbt_body *b, const char *what,
                  struct error *err);

/* The same with what was expected there, and the number that is. */
int ocdbt_wrong(const struct ocdbt_body *b, const char *what,
                const char *expected, uint64_t actual, struct error *err);

/* A key does not follow the one before it. */
int ocdbt_disorder(const struct ocdbt_body *b, struct error *err);

/* Each reads what is next; bytes that are not there are ERR_INDEX. */
int ocdbt_byte(struct ocdbt_body *b, unsigned *out, struct error *err);
int ocdbt_varint(struct ocdbt_body *b, uint64_t *out, struct error *err);
int ocdbt_skip(struct ocdbt_body *b, uint64_t bytes, struct error *err);

/*
 * Passes a column of count varints, checking each: *column is where it begins,
 * *sum what they add up to (NULL: no matter). ocdbt_next() then reads it.
 */
int ocdbt_column(struct ocdbt_body *b, uint64_t count, size_t *column,
                 uint64_t *sum, struct error *err);
uint64_t ocdbt_next(const struct ocdbt_body *b, size_t *column);

/* That the whole body has been read. */
int ocdbt_end(const struct ocdbt_body *b, struct error *err);

/* Texts that exist once, with numbers; at most OCDBT_MAX_FILES. */
struct ocdbt_texts {
    char **items;
    uint32_t *order; /* numbers, sorted by text */
    size_t count;
    size_t cap;
};

int ocdbt_texts_add(struct ocdbt_texts *t, const char *text, uint32_t *number,
                    struct error *err);
void ocdbt_texts_done(struct ocdbt_texts *t);

/*
 * The data files that a node names. Names are relative to the folder of the
 * database after where is put before them; children of a node that lies in a
 * file have the file's base added to their own where.
 */
struct ocdbt_files {
    const char *where; /* borrowed */
    struct ocdbt_file {
        size_t at; /* of its name in text */
        uint32_t len;
        uint32_t base;   /* bytes of the name that are its base */
        uint32_t number; /* of its whole name; UINT32_MAX until asked for */
    } * items;
    size_t count;
    struct buf text;
};

int ocdbt_files_read(struct ocdbt_body *b, const char *where,
                     struct ocdbt_files *out, struct error *err);
void ocdbt_files_done(struct ocdbt_files *f);

/* The number of file's name, which is checked; and that of its base. */
int ocdbt_files_name(struct ocdbt_files *f, const struct ocdbt_body *b,
                     uint64_t file, struct ocdbt_texts *t, uint32_t *number,
                     struct error *err);
int ocdbt_files_base(const struct ocdbt_files *f, const struct ocdbt_body *b,
                     uint64_t file, struct ocdbt_texts *t, uint32_t *number,
                     struct error *err);

/* A node of the tree, as an iterator over its entries. */
struct ocdbt_node {
    struct ocdbt_body *body; /* borrowed */
    unsigned height;         /* 0: a leaf */
    uint64_t count;
    uint64_t done;
    struct ocdbt_files files;
    struct {
        size_t prefix, suffix, common, text, len, kind, file, offset, values;
    } at; /* columns of the body */
    size_t key_len;
    unsigned char key[OCDBT_MAX_KEY];
};

struct ocdbt_entry {
    bool in_tree; /* the value is at place in the body */
    size_t place;
    uint64_t file; /* otherwise it is here, by the node's own table */
    uint64_t offset;
    uint64_t len;
    size_t common; /* of a child: bytes of the key that all of its keys share */
};

/* Reads the node's head and checks its columns; where is as in ocdbt_files. */
int ocdbt_node_read(struct ocdbt_body *b, const char *where,
                    struct ocdbt_node *out, struct error *err);

/* The next of its count entries; its key is then in n->key. */
int ocdbt_node_next(struct ocdbt_node *n, struct ocdbt_entry *out,
                    struct error *err);
void ocdbt_node_done(struct ocdbt_node *n);

/* Where a version of the tree begins. */
struct ocdbt_root {
    bool numbered; /* nothing else is known: see manifest.<number> */
    bool empty;
    unsigned height;
    uint32_t file; /* number of its name */
    uint32_t base; /* and of what its node's files are relative to */
    uint64_t offset;
    uint64_t len;
};

int ocdbt_manifest_read(const char *name, const struct buf *raw,
                        struct ocdbt_texts *t, struct ocdbt_root *out,
                        struct error *err);

/* A key and its value; keys are sorted as strcmp() sorts. */
struct ocdbt_value {
    uint64_t key;    /* its place in names */
    uint64_t offset; /* in the file, or in inlined */
    uint64_t len;
    uint32_t file; /* number of its name, or OCDBT_INLINE_FILE */
};

struct ocdbt {
    struct store store;
    struct store *base; /* borrowed */
    char *folder;
    struct ocdbt_texts files;
    struct ocdbt_value *values;
    size_t count;
    size_t cap;
    struct buf names;   /* all keys, each with its NUL */
    struct buf inlined; /* values that the tree holds */
};

/* Reads len bytes of a data file; a file that is too short is ERR_INDEX. */
int ocdbt_fetch(const struct ocdbt *o, uint32_t file, uint64_t offset,
                void *dst, size_t len, struct error *err);

/* Says that it will be called. */
void ocdbt_fetch_soon(const struct ocdbt *o, uint32_t file, uint64_t offset,
                      uint64_t len);

/* Fills files, values, names and inlined. */
int ocdbt_load(struct ocdbt *o, struct error *err);

#endif
