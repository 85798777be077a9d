/* The hooks of calls whose file libc opens itself: later, or by a name of its own making. What is judged is the file
 * that the path leads to at the time of the call. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "agent_memory.h"
#include "files.h"
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static bool memory_denied(const struct tw_lookup *lookup, int flags)
{
    struct tw_file file;
    int error = errno;

    if ((flags & O_ACCMODE) == O_RDONLY || tw_is_no_address(lookup->path))
        return false;
    bool denied = tw_file_find(lookup, flags, &file) && tw_agent_memory_denied(file.descriptor);

    tw_unpin(file.descriptor);
    errno = denied ? EACCES : error;
    return denied;
}

bool tw_later_denied(const char *path, int flags)
{
    struct tw_lookup lookup = {AT_FDCWD, path, 0};

    return memory_denied(&lookup, flags) || tw_file_open_denied(&lookup, flags);
}

typedef int addopen_function(posix_spawn_file_actions_t *, int, const char *, int, mode_t);

/* The child will open it, before the program starts. */
int tw_addopen(posix_spawn_file_actions_t *actions, int descriptor, const char *path, int flags, mode_t mode)
{
    int error = errno;

    if (tw_later_denied(path, flags)) {
        int reason = errno;

        errno = error;
        return reason;
    }
    return TW_REAL(posix_spawn_file_actions_addopen, addopen_function)(actions, descriptor, path, flags, mode);
}

/* What is named and no file: that it lies in a folder is libc's own affair, so that an allow list of files says nothing
 * about it. An entry of the deny list does. */
static bool shared_denied(const char *folder, const char *name)
{
    char path[NAME_MAX + 32];
    size_t size = strlen(folder);

    if (tw_files_state() == TW_FILES_UNJUDGED || tw_is_no_address(name))
        return false;
    while (*name == '/')
        name++;
    size_t length = strnlen(name, NAME_MAX + 1);

    if (length > NAME_MAX)
        return false; /* libc refuses it */
    memcpy(path, folder, size);
    memcpy(path + size, name, length);
    path[size + length] = '\0';
    return tw_file_denied(path, true, true);
}

int tw_shm_open(const char *name, int flags, mode_t mode)
{
    typedef int function(const char *, int, mode_t);

    return shared_denied("/dev/shm/", name) ? -1 : TW_REAL(shm_open, function)(name, flags, mode);
}

int tw_shm_unlink(const char *name)
{
    typedef int function(const char *);

    return shared_denied("/dev/shm/", name) ? -1 : TW_REAL(shm_unlink, function)(name);
}

/* Mode and value travel in registers, whether or not the caller gave them. */
sem_t *tw_sem_open(const char *name, int flags, mode_t mode, unsigned value)
{
    typedef sem_t *function(const char *, int, mode_t, unsigned);

    return shared_denied("/dev/shm/sem.", name) ? SEM_FAILED : TW_REAL(sem_open, function)(name, flags, mode, value);
}

int tw_sem_unlink(const char *name)
{
    typedef int function(const char *);

    return shared_denied("/dev/shm/sem.", name) ? -1 : TW_REAL(sem_unlink, function)(name);
}

/* The file of logins: any file, whose bytes come out as records. */
int tw_utmpname(const char *path)
{
    typedef int function(const char *);

    return tw_later_denied(path, O_RDWR) ? -1 : TW_REAL(utmpname, function)(path);
}

void tw_updwtmp(const char *path, const void *record)
{
    typedef void function(const char *, const void *);

    if (!tw_later_denied(path, O_RDWR))
        TW_REAL(updwtmp, function)(path, record);
}

/* Walks that libc makes step by step. */
FTS *tw_fts_open(char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **))
{
    typedef FTS *fts_open_function(char *const *, int, int (*)(const FTSENT **, const FTSENT **));

    for (char *const *path = paths; path != NULL && *path != NULL; path++)
        if (tw_path_walk_denied(*path))
            return NULL;
    return TW_REAL(fts_open, fts_open_function)(paths, options, compare);
}

/* The name service's own fopen. */
FILE *tw_nss_fopen(const char *path)
{
    typedef FILE *function(const char *);

    return tw_later_denied(path, O_RDONLY) ? NULL : TW_REAL(__nss_files_fopen, function)(path);
}
