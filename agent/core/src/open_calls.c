/* The hooks of open's family, and of the streams that open files. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "agent_memory.h"
#include "files.h"
#include "open_how.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

typedef int addopen_function(posix_spawn_file_actions_t *, int, const char *, int, mode_t);
typedef FILE *fopen_function(const char *, const char *);
typedef FILE *freopen_function(const char *, const char *, FILE *);

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

int tw_openat2(int folder, const char *path, const struct tw_how *how, size_t size)
{
    struct tw_how own;

    /* Longer ones have fields that we don't know, and the kernel refuses what it does not know itself. */
    if (tw_files_state() == TW_FILES_UNJUDGED || how == NULL || path == NULL || size < sizeof own)
        return (int)syscall(SYS_openat2, folder, path, how, size);
    memcpy(&own, how, sizeof own);
    if (size > sizeof own || own.flags > INT32_MAX || (own.mode & ~(uint64_t)07777) != 0) {
        errno = size > sizeof own ? E2BIG : EINVAL;
        return -1;
    }
    return tw_file_open(&(struct tw_lookup){folder, path, own.resolve}, (int)own.flags, (mode_t)own.mode);
}

int tw_creat(const char *path, mode_t mode)
{
    return open_in(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* A stream's mode as open's flags; -1 when it is none. Ends, like libc, at a comma. */
static int stream_flags(const char *mode)
{
    int flags = mode[0] == 'r' ? O_RDONLY : mode[0] == 'w' ? O_CREAT | O_TRUNC : mode[0] == 'a' ? O_CREAT | O_APPEND : -1;
    bool both = false;

    for (size_t i = 1; flags >= 0 && i < 8 && mode[i] != '\0' && mode[i] != ','; i++) {
        both |= mode[i] == '+';
        flags |= mode[i] == 'x' ? O_EXCL : mode[i] == 'e' ? O_CLOEXEC : 0;
    }
    return flags < 0 ? -1 : flags | (both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY);
}

/* The mode without the letter that asks for a new file: it was made. */
static void without_exclusion(const char *mode, char output[64])
{
    size_t length = 0;
    bool options = false; /* what follows a comma is a name */

    for (; *mode != '\0' && length < 63; mode++) {
        options |= *mode == ',';
        if (*mode != 'x' || options)
            output[length++] = *mode;
    }
    output[length] = '\0';
}

/* Opened by us, and then by libc once more through the descriptor: the file is the same, whatever its names do. */
static FILE *stream(const char *path, const char *mode, FILE *old, int flags)
{
    char own_mode[64], link[TW_DESCRIPTOR_LINK];
    int descriptor = open_in(AT_FDCWD, path, flags & ~O_CLOEXEC, 0666);
    int error = errno;

    if (descriptor < 0) {
        if (old != NULL)
            fclose(old); /* as libc does when it can't open the other file */
        errno = error;
        return NULL;
    }
    without_exclusion(mode, own_mode);
    tw_descriptor_link(descriptor, link);
    FILE *file = old == NULL ? TW_REAL(fopen, fopen_function)(link, own_mode)
                             : TW_REAL(freopen, freopen_function)(link, own_mode, old);

    error = errno;
    close(descriptor);
    errno = error;
    return file;
}

/* Judges without opening what somebody else will open by this path. */
static bool denied_later(const char *path, int flags)
{
    struct tw_lookup lookup = {AT_FDCWD, path, 0};
    struct tw_file file;
    struct tw_entry entry;
    bool denied = false;
    int error = errno;

    if (tw_files_state() == TW_FILES_UNJUDGED || path == NULL)
        return false;
    if (tw_file_find(&lookup, flags, &file)) {
        denied = tw_found_denied(&file, (flags & O_ACCMODE) == O_RDONLY && (flags & O_TRUNC) == 0);
        close(file.descriptor);
    } else if ((flags & O_CREAT) != 0 && tw_entry_find(&lookup, &entry)) {
        denied = tw_entry_making_denied(&entry);
        close(entry.folder);
    }
    if (!denied)
        errno = error;
    return denied;
}

static FILE *really(const char *path, const char *mode, FILE *old)
{
    return old == NULL ? TW_REAL(fopen, fopen_function)(path, mode) : TW_REAL(freopen, freopen_function)(path, mode, old);
}

static FILE *opened(const char *path, const char *mode, FILE *old)
{
    int flags = mode == NULL ? -1 : stream_flags(mode);

    if (path == NULL || flags < 0)
        return really(path, mode, old); /* no file is opened, or the mode is none */
    if (tw_files_state() == TW_FILES_ENFORCED)
        return stream(path, mode, old, flags);
    denied_later(path, flags);
    FILE *file = really(path, mode, old);

    if (file == NULL || (flags & O_ACCMODE) == O_RDONLY || !tw_agent_memory_denied(fileno(file)))
        return file;
    fclose(file);
    errno = EACCES;
    return NULL;
}

FILE *tw_fopen(const char *path, const char *mode)
{
    return opened(path, mode, NULL);
}

FILE *tw_freopen(const char *path, const char *mode, FILE *old)
{
    return opened(path, mode, old);
}

/* The child will open it, before the program starts. */
int tw_addopen(posix_spawn_file_actions_t *actions, int descriptor, const char *path, int flags, mode_t mode)
{
    int error = errno;

    if (denied_later(path, flags)) {
        errno = error;
        return EACCES;
    }
    return TW_REAL(posix_spawn_file_actions_addopen, addopen_function)(actions, descriptor, path, flags, mode);
}

/* Named memory lies in a folder, and libc opens it there. */
static bool shared_memory_path(const char *name, char output[NAME_MAX + 16])
{
    static const char folder[] = "/dev/shm/";
    size_t length;

    while (name != NULL && *name == '/')
        name++;
    length = name == NULL ? 0 : strnlen(name, NAME_MAX + 1);
    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(output, folder, sizeof folder - 1);
    memcpy(output + sizeof folder - 1, name, length);
    output[sizeof folder - 1 + length] = '\0';
    return true;
}

typedef int shm_open_function(const char *, int, mode_t);
typedef int shm_unlink_function(const char *);

int tw_shm_open(const char *name, int flags, mode_t mode)
{
    char path[NAME_MAX + 16];

    if (shared_memory_path(name, path) && denied_later(path, flags))
        return -1;
    return TW_REAL(shm_open, shm_open_function)(name, flags, mode);
}

int tw_shm_unlink(const char *name)
{
    char path[NAME_MAX + 16];

    if (shared_memory_path(name, path) && denied_later(path, O_WRONLY))
        return -1;
    return TW_REAL(shm_unlink, shm_unlink_function)(name);
}
