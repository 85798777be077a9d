/* The hooks of the calls that open a file as a stream. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "agent_memory.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef FILE *fopen_function(const char *, const char *);
typedef FILE *freopen_function(const char *, const char *, FILE *);

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

/* Pinned by us, and opened by libc through the descriptor: the file is the same, whatever its names do. */
static FILE *stream(const char *path, const char *mode, FILE *old, int flags)
{
    char own_mode[64], link[TW_DESCRIPTOR_LINK];
    int descriptor = tw_file_pin(&(struct tw_lookup){AT_FDCWD, path, 0}, flags | O_CLOEXEC, 0666);

    if (descriptor >= 0 && (flags & O_ACCMODE) != O_RDONLY && tw_agent_memory_denied(descriptor)) {
        close(descriptor);
        errno = EACCES;
        descriptor = -1;
    }
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
    tw_later_denied(path, flags);
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

/* Reads a table of mounted file systems, or any other file. */
FILE *tw_setmntent(const char *path, const char *mode)
{
    typedef FILE *setmntent_function(const char *, const char *);

    if (tw_files_state() == TW_FILES_UNJUDGED)
        return TW_REAL(setmntent, setmntent_function)(path, mode);
    return opened(path, mode, NULL);
}
