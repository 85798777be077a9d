/* The hooks of the calls that open a file as a stream. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "agent_memory.h"
#include "files.h"
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef FILE *fopen_function(const char *, const char *);
typedef FILE *freopen_function(const char *, const char *, FILE *);

/* So many letters of a stream's mode libc looks at, of whatever kind: a comma does not end them. */
enum { LETTERS = 7 };

/* A stream's mode as open's flags; -1 when it is none. */
static int stream_flags(const char *mode)
{
    int flags = mode[0] == 'r'   ? O_RDONLY
                : mode[0] == 'w' ? O_CREAT | O_TRUNC
                : mode[0] == 'a' ? O_CREAT | O_APPEND
                                 : -1;
    bool both = false;

    for (size_t i = 1; flags >= 0 && i < LETTERS && mode[i] != '\0'; i++) {
        both |= mode[i] == '+';
        flags |= mode[i] == 'x' ? O_EXCL : mode[i] == 'e' ? O_CLOEXEC : 0;
    }
    return flags < 0 ? -1 : flags | (both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY);
}

/* The mode without the letter that asks for a new file: it was made. In its place stands one that means nothing. */
static void without_exclusion(const char *mode, char output[64])
{
    size_t length = strnlen(mode, 63);

    for (size_t i = 0; i < length; i++)
        output[i] = i < LETTERS && mode[i] == 'x' ? 'b' : mode[i];
    output[length] = '\0';
}

/* Pinned by us, and opened by libc through the descriptor: the file is the same, whatever its names do. */
static FILE *stream(const char *path, const char *mode, FILE *old, int flags)
{
    char own_mode[64], link[TW_DESCRIPTOR_LINK];
    int descriptor = tw_file_pin(&(struct tw_lookup){AT_FDCWD, path, 0}, flags | O_CLOEXEC, 0666);

    if (descriptor >= 0 && (flags & O_ACCMODE) != O_RDONLY && tw_agent_memory_denied(descriptor)) {
        tw_unpin(descriptor);
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

    tw_unpin(descriptor);
    return file;
}

static FILE *really(const char *path, const char *mode, FILE *old)
{
    return old == NULL ? TW_REAL(fopen, fopen_function)(path, mode)
                       : TW_REAL(freopen, freopen_function)(path, mode, old);
}

static FILE *opened(const char *given, const char *mode, FILE *old)
{
    int flags = mode == NULL ? -1 : stream_flags(mode), descriptor = given == NULL && old != NULL ? fileno(old) : -1;
    char link[TW_DESCRIPTOR_LINK];
    const char *path = given;

    if (flags < 0 || (given == NULL && descriptor < 0))
        return really(given, mode, old); /* no file is opened, or the mode is none */
    if (given == NULL) { /* the stream's own file is opened anew, which may be for more than it was */
        tw_descriptor_link(descriptor, link);
        path = link;
    }
    if (tw_files_state() == TW_FILES_ENFORCED)
        return stream(path, mode, old, flags);
    tw_file_open_denied(&(struct tw_lookup){AT_FDCWD, path, 0}, flags);
    FILE *file = really(given, mode, old);

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

/* A table of mounted file systems, or any other file: what libc does here is fopen with two letters more. */
FILE *tw_setmntent(const char *path, const char *mode)
{
    char own[64];
    size_t length = mode == NULL ? sizeof own : strnlen(mode, sizeof own);

    if (length + sizeof "ce" > sizeof own)
        return opened(path, mode, NULL);
    memcpy(own, mode, length);
    memcpy(own + length, "ce", sizeof "ce");
    return opened(path, own, NULL);
}

/* Parts of fopen that libc exports. */
FILE *tw_io_file_fopen(FILE *old, const char *path, const char *mode, int is_32)
{
    typedef FILE *function(FILE *, const char *, const char *, int);
    int flags = mode == NULL ? -1 : stream_flags(mode);

    if (flags >= 0 && tw_later_denied(path, flags))
        return NULL;
    return TW_REAL(_IO_file_fopen, function)(old, path, mode, is_32);
}

FILE *tw_io_file_open(FILE *old, const char *path, int flags, int mode, int kind, int is_32)
{
    typedef FILE *function(FILE *, const char *, int, int, int, int);

    return tw_later_denied(path, flags) ? NULL : TW_REAL(_IO_file_open, function)(old, path, flags, mode, kind, is_32);
}
