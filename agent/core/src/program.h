/* Facts about a program that is about to start: which file it really is, and what would interpret it.
 * Safe in the child of a vfork. It judges nothing and starts nothing. */
#ifndef TW_PROGRAM_H
#define TW_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct tw_program {
    char path[PATH_MAX];        /* canonical */
    char interpreter[PATH_MAX]; /* canonical, of a script; else empty */
};

/* How the caller names the file. */
struct tw_program_call {
    int folder;       /* AT_FDCWD, or what a relative path starts from; with an empty path the file itself */
    const char *path;
    bool shell_fallback; /* a file that the kernel does not know is given to /bin/sh, as execvp does */
    bool cwd_unknown;    /* the child changes its folder before it starts the program */
};

/* Fills in what the call would start. Returns false when the kernel will refuse it anyway (no such file, not
 * executable): then it is no process start, and the kernel gives the reason. */
bool tw_program_find(const struct tw_program_call *call, struct tw_program *program);

/* The file that a name without slash means on PATH, as execvp searches; false when there is none. A name with a
 * slash is itself. */
bool tw_program_search(const char *name, char output[PATH_MAX]);

/* The interpreter in a script's first line, up to `size` bytes of which are in `line`; NULL when it is none. */
const char *tw_script_interpreter(char *line, size_t size);

#endif
