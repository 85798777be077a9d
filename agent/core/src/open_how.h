/* The system call openat2 (Linux 5.6), which glibc 2.17 does not know. */
#ifndef TW_OPEN_HOW_H
#define TW_OPEN_HOW_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437 /* on every machine */
#endif

/* openat2(2); linux/openat2.h is not in all headers. */
struct tw_how {
    uint64_t flags, mode, resolve;
};

enum { TW_RESOLVE_NO_SYMLINKS = 4 };

/* What openat2 accepts: where open ignores flags that it does not know, this call fails. */
static inline int tw_open_how(int folder, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    struct tw_how how = {.flags = (uint64_t)(unsigned)flags, .mode = makes ? mode & 07777 : 0, .resolve = resolve};

    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

#endif
