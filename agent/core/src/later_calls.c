/* The hooks of calls whose file libc opens itself: later, or by a name of its own making. What is judged is the file that
 * the path leads to at the time of the call. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

bool tw_later_denied(const char *path, int flags)
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

typedef int addopen_function(posix_spawn_file_actions_t *, int, const char *, int, mode_t);

/* The child will open it, before the program starts. */
int tw_addopen(posix_spawn_file_actions_t *actions, int descriptor, const char *path, int flags, mode_t mode)
{
    int error = errno;

    if (tw_later_denied(path, flags)) {
        errno = error;
        return EACCES;
    }
    return TW_REAL(posix_spawn_file_actions_addopen, addopen_function)(actions, descriptor, path, flags, mode);
}

/* Named memory lies in a folder, and libc opens it there. */
static bool shared_memory_path(const char *folder, const char *name, char output[NAME_MAX + 32])
{
    size_t length, size = strlen(folder);

    while (name != NULL && *name == '/')
        name++;
    length = name == NULL ? 0 : strnlen(name, NAME_MAX + 1);
    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(output, folder, size);
    memcpy(output + size, name, length);
    output[size + length] = '\0';
    return true;
}

typedef int shm_open_function(const char *, int, mode_t);
typedef int shm_unlink_function(const char *);

int tw_shm_open(const char *name, int flags, mode_t mode)
{
    char path[NAME_MAX + 32];

    if (shared_memory_path("/dev/shm/", name, path) && tw_later_denied(path, flags))
        return -1;
    return TW_REAL(shm_open, shm_open_function)(name, flags, mode);
}

int tw_shm_unlink(const char *name)
{
    char path[NAME_MAX + 32];

    if (shared_memory_path("/dev/shm/", name, path) && tw_later_denied(path, O_WRONLY))
        return -1;
    return TW_REAL(shm_unlink, shm_unlink_function)(name);
}

typedef sem_t *sem_open_function(const char *, int, mode_t, unsigned);
typedef int sem_unlink_function(const char *);

/* Mode and value travel in registers, whether or not the caller gave them. */
sem_t *tw_sem_open(const char *name, int flags, mode_t mode, unsigned value)
{
    char path[NAME_MAX + 32];

    if (shared_memory_path("/dev/shm/sem.", name, path) && tw_later_denied(path, (flags & O_CREAT) | O_RDWR))
        return SEM_FAILED;
    return TW_REAL(sem_open, sem_open_function)(name, flags, mode, value);
}

int tw_sem_unlink(const char *name)
{
    char path[NAME_MAX + 32];

    if (shared_memory_path("/dev/shm/sem.", name, path) && tw_later_denied(path, O_WRONLY))
        return -1;
    return TW_REAL(sem_unlink, sem_unlink_function)(name);
}

/* The file of logins: any file, whose bytes come out as records. */
int tw_utmpname(const char *path)
{
    typedef int utmpname_function(const char *);

    return tw_later_denied(path, O_RDWR) ? -1 : TW_REAL(utmpname, utmpname_function)(path);
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

/* Parts of fopen that libc exports. */
FILE *tw_io_file_fopen(FILE *stream, const char *path, const char *mode, int is_32)
{
    typedef FILE *function(FILE *, const char *, const char *, int);

    return tw_later_denied(path, O_RDWR | O_CREAT) ? NULL : TW_REAL(_IO_file_fopen, function)(stream, path, mode, is_32);
}

FILE *tw_io_file_open(FILE *stream, const char *path, int flags, int mode, int kind, int is_32)
{
    typedef FILE *function(FILE *, const char *, int, int, int, int);

    return tw_later_denied(path, flags) ? NULL : TW_REAL(_IO_file_open, function)(stream, path, flags, mode, kind, is_32);
}
