/* Facts about a program that is about to start: which file it really is, and what would interpret it.
 * Safe in the child of a vfork. It judges nothing and starts nothing. */
#ifndef TW_PROGRAM_H
#define TW_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct tw_program {
    char path[PATH_MAX];        /* canonical */
    char interpreter[PATH_MAX]; /* canonical, of a script, and maybe a script itself; else empty */
    bool foreign;    /* it is a program that can't load our library */
    bool unexamined; /* it is there, but which file it is, or what would interpret it, could not be found out */
};

/* How the caller names the file. */
struct tw_program_call {
    int folder; /* AT_FDCWD, or what a relative path starts from */
    const char *path;
    bool is_descriptor;  /* an empty path means `folder` itself, which is a file */
    bool shell_fallback; /* a file that the kernel does not know is given to /bin/sh, as execvp does */
    bool file_unknown;   /* the child changes its folder or descriptors first, and means another file by the path */
};

/* Fills in what the call would start. Returns false when the kernel will refuse it anyway (no such file, not
 * executable): then it is no process start, and errno is the kernel's reason. */
bool tw_program_find(const struct tw_program_call *call, struct tw_program *program);

/* A copy that no other thread can change. Returns false, with errno set, when it is too long for the kernel. */
bool tw_path_copy(const char *from, char output[PATH_MAX]);

/* A walk through the folders of PATH, as execvp does it. */
struct tw_search {
    const char *path; /* the rest of it; NULL at first means the usual folders */
    bool ended;
};

/* The name in the next folder. Returns false behind the last one. */
bool tw_search_next(struct tw_search *search, const char *name, char output[PATH_MAX]);

/* Whether the path is that of a file that may be executed; sets errno when not. */
bool tw_is_executable(const char *path);

/* The interpreter in a script's first line, up to `size` bytes of which are in `line`; NULL when it is none. */
const char *tw_script_interpreter(char *line, size_t size);

#endif
