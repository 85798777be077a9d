/* The hooks of open's family. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "agent_memory.h"
#include "files.h"
#include "open_how.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

/* The kernel takes no longer struct open_how than a page. */
enum { HOW_LARGEST = 4096 };

/* The mode is only there when the flags ask for it. */
#define MODE(mode, flags)                                                    \
    mode_t mode = 0;                                                         \
    if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) {    \
        va_list list;                                                        \
        va_start(list, flags);                                               \
        mode = va_arg(list, mode_t);                                         \
        va_end(list);                                                        \
    }

static int open_in(int folder, const char *path, int flags, mode_t mode)
{
    return tw_file_open(&(struct tw_lookup){folder, path, 0}, flags, mode);
}

int tw_open(const char *path, int flags, ...)
{
    MODE(mode, flags)
    return open_in(AT_FDCWD, path, flags, mode);
}

int tw_openat(int folder, const char *path, int flags, ...)
{
    MODE(mode, flags)
    return open_in(folder, path, flags, mode);
}

/* The fortified forms: callers that gave no mode. libc ends the process where one is needed, and so it is left to. */
typedef int open_2_function(const char *, int);
typedef int openat_2_function(int, const char *, int);

int tw_open_2(const char *path, int flags)
{
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
        return TW_REAL(__open_2, open_2_function)(path, flags);
    return open_in(AT_FDCWD, path, flags, 0);
}

int tw_openat_2(int folder, const char *path, int flags)
{
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
        return TW_REAL(__openat_2, openat_2_function)(folder, path, flags);
    return open_in(folder, path, flags, 0);
}

/* Whether fields that we don't know are set; the kernel refuses those that it does not know itself. */
static bool has_more(const struct tw_how *how, size_t size)
{
    for (const char *at = (const char *)(how + 1); at < (const char *)how + size; at++)
        if (*at != 0)
            return true;
    return false;
}

int tw_openat2(int folder, const char *path, const struct tw_how *how, size_t size)
{
    struct tw_how own = {0};
    bool is_known = !tw_is_no_address(how) && size >= sizeof own && size <= HOW_LARGEST;

    if (is_known)
        memcpy(&own, how, sizeof own);
    struct tw_lookup lookup = {folder, path, own.resolve};

    if (!is_known || tw_files_state() != TW_FILES_ENFORCED) {
        if (is_known && (own.flags & O_PATH) == 0)
            tw_file_open_denied(&lookup, (int)own.flags);
        return tw_agent_memory_kept((int)syscall(SYS_openat2, folder, path, how, size));
    }
    if (has_more(how, size) || own.flags > INT32_MAX || (own.mode & ~(uint64_t)07777) != 0) {
        errno = has_more(how, size) ? E2BIG : EINVAL;
        return -1;
    }
    return tw_file_open(&lookup, (int)own.flags, (mode_t)own.mode);
}

int tw_creat(const char *path, mode_t mode)
{
    return open_in(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
