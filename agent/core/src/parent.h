/* What a program that a function starts has to know of the runtime: one variable of its environment, TW_PARENT. Reading
 * and writing it; knows no process. */
#ifndef TW_PARENT_H
#define TW_PARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TW_PARENT_LARGEST = 64 * 1024, TW_PARENT_VARIABLES = 16 };

/* A descriptor of the runtime's, and the file that it has to be. */
struct tw_remote {
    int descriptor; /* -1: none */
    uint64_t device, inode;
};

struct tw_parent {
    pid_t process; /* the runtime */
    uint64_t start;
    struct tw_remote stream, ring;
    bool stream_has_place;
    const char *runtime, *readable; /* as in struct tw_options; NULL: not given */
    const char *variables[TW_PARENT_VARIABLES + 1]; /* "NAME=value", ends in NULL: what the core reads at its start */
};

/* Writes all of it without a NUL, in letters that need no escaping anywhere. Returns the length, or 0 when `size` is
 * too small or there are too many variables. */
size_t tw_parent_write(const struct tw_parent *parent, char *output, size_t size);

/* Reads what tw_parent_write wrote; `text` is changed, and what `parent` points to lies in it. Returns false when it is
 * anything else. */
bool tw_parent_read(char *text, struct tw_parent *parent);

/* Any text in those letters; a copy that ends in NUL. Returns the length, or 0 when `size` is too small. */
size_t tw_parent_escape(const char *text, char *output, size_t size);

/* Back, in place. Returns false when it is none. */
bool tw_parent_unescape(char *text);

#endif
