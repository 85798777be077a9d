/* The hooks of the calls that change a file by its path without opening it, and of sockets that have a path. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "files.h"
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in glibc's headers everywhere. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* A file that a call is about, judged. */
struct subject {
    struct tw_file file;
    bool is_pinned;
    char link[TW_DESCRIPTOR_LINK]; /* by which the call gets it */
};

static void release(struct subject *subject)
{
    if (subject->is_pinned)
        tw_unpin(subject->file.descriptor);
}

/* Returns false, with errno set, when the call must fail. Where nothing is pinned, it gets what it was given. */
static bool admit(struct subject *subject, int folder, const char *path, bool follows)
{
    enum tw_files state = tw_files_state();
    int error = errno;

    subject->is_pinned = false;
    if (state == TW_FILES_UNJUDGED || tw_is_no_address(path))
        return true;
    if (!tw_file_find(&(struct tw_lookup){folder, path, 0}, follows ? 0 : O_NOFOLLOW, &subject->file)) {
        if (state == TW_FILES_ENFORCED)
            return false;
        errno = error;
        return true;
    }
    bool denied = tw_found_denied(&subject->file, false);

    subject->is_pinned = !denied && state == TW_FILES_ENFORCED;
    tw_descriptor_link(subject->file.descriptor, subject->link);
    if (!subject->is_pinned)
        tw_unpin(subject->file.descriptor);
    errno = denied ? EACCES : error;
    return !denied;
}

#define ON_FILE(at, name, follows, pinned, plain)         \
    struct subject subject;                               \
    if (!admit(&subject, at, name, follows))              \
        return -1;                                        \
    int result = subject.is_pinned ? (pinned) : (plain);  \
    release(&subject);                                    \
    return result

/* A file that is open already: it may be one that could only be read. */
static bool open_file_denied(int descriptor)
{
    struct tw_file file = {.descriptor = descriptor};
    int error = errno;

    if (tw_files_state() == TW_FILES_UNJUDGED)
        return false;
    file.is_named = tw_descriptor_path(descriptor, file.path);
    errno = error;
    return file.is_named && tw_found_denied(&file, false);
}

/* Whether the folder's descriptor itself is meant. */
static bool is_empty(const char *path, int flags)
{
    return (flags & AT_EMPTY_PATH) != 0 && !tw_is_no_address(path) && path[0] == '\0';
}

int tw_truncate(const char *path, off_t size)
{
    ON_FILE(AT_FDCWD, path, true, truncate(subject.link, size), truncate(path, size));
}

int tw_chmod(const char *path, mode_t mode)
{
    ON_FILE(AT_FDCWD, path, true, chmod(subject.link, mode), chmod(path, mode));
}

typedef int fchmodat_function(int, const char *, mode_t, int);

int tw_fchmodat(int folder, const char *path, mode_t mode, int flags)
{
    fchmodat_function *real = TW_REAL(fchmodat, fchmodat_function);
    struct stat status;

    /* Of a link itself the mode can't be changed, and of other flags libc knows none: it says so. */
    if (flags != 0 && (flags != AT_SYMLINK_NOFOLLOW || path == NULL || fstatat(folder, path, &status, flags) != 0 ||
                       S_ISLNK(status.st_mode)))
        return real(folder, path, mode, flags);
    ON_FILE(folder, path, flags == 0, chmod(subject.link, mode), real(folder, path, mode, flags));
}

/* Its flags are the kernel's (Linux 6.6), and not what libc makes of them. */
int tw_fchmodat2(int folder, const char *path, mode_t mode, int flags)
{
    if (is_empty(path, flags))
        return open_file_denied(folder) ? -1 : (int)syscall(SYS_fchmodat2, folder, path, mode, flags);
    ON_FILE(folder, path, (flags & AT_SYMLINK_NOFOLLOW) == 0,
            (int)syscall(SYS_fchmodat2, subject.file.descriptor, "", mode, AT_EMPTY_PATH),
            (int)syscall(SYS_fchmodat2, folder, path, mode, flags));
}

int tw_lchmod(const char *path, mode_t mode)
{
    return tw_fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

int tw_fchownat(int folder, const char *path, uid_t owner, gid_t group, int flags)
{
    if (is_empty(path, flags))
        return open_file_denied(folder) ? -1 : fchownat(folder, path, owner, group, flags);
    ON_FILE(folder, path, (flags & AT_SYMLINK_NOFOLLOW) == 0,
            fchownat(subject.file.descriptor, "", owner, group, AT_EMPTY_PATH),
            fchownat(folder, path, owner, group, flags));
}

int tw_chown(const char *path, uid_t owner, gid_t group)
{
    return tw_fchownat(AT_FDCWD, path, owner, group, 0);
}

int tw_lchown(const char *path, uid_t owner, gid_t group)
{
    return tw_fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

int tw_fchmod(int descriptor, mode_t mode)
{
    return open_file_denied(descriptor) ? -1 : fchmod(descriptor, mode);
}

int tw_fchown(int descriptor, uid_t owner, gid_t group)
{
    return open_file_denied(descriptor) ? -1 : (int)syscall(SYS_fchown, descriptor, owner, group);
}

/* Returns false for a name that is in no folder, and where files are not judged. */
static bool socket_path(const struct sockaddr_un *address, socklen_t size, char path[sizeof address->sun_path + 1])
{
    size_t start = offsetof(struct sockaddr_un, sun_path);

    if (tw_files_state() == TW_FILES_UNJUDGED || size <= start || address->sun_path[0] == '\0')
        return false;
    size_t most = size - start < sizeof address->sun_path ? size - start : sizeof address->sun_path;
    size_t length = strnlen(address->sun_path, most);

    memcpy(path, address->sun_path, length);
    path[length] = '\0';
    return true;
}

/* What could not be found is no reason for the kernel, too. */
static bool unfound_socket_denied(const struct tw_lookup *lookup)
{
    return tw_unfound_denied(lookup) || tw_files_state() == TW_FILES_ENFORCED;
}

bool tw_socket_making_denied(const struct sockaddr_un *address, socklen_t size)
{
    char path[sizeof address->sun_path + 1];
    struct tw_lookup lookup = {AT_FDCWD, path, 0};
    struct tw_entry entry;
    bool denied;
    int error = errno;

    if (!socket_path(address, size, path))
        return false;
    if (tw_entry_find(&lookup, &entry)) {
        denied = tw_entry_making_denied(&entry, false);
        if (denied && errno == EEXIST)
            errno = EADDRINUSE;
        tw_unpin(entry.folder);
    } else {
        denied = unfound_socket_denied(&lookup);
    }
    if (!denied)
        errno = error;
    return denied;
}

bool tw_socket_use_denied(const struct sockaddr_un *address, socklen_t size, int *pin)
{
    char path[sizeof address->sun_path + 1];
    struct tw_lookup lookup = {AT_FDCWD, path, 0};
    struct tw_file file;
    bool denied;
    int error = errno;

    *pin = -1;
    if (!socket_path(address, size, path))
        return false;
    if (tw_file_find(&lookup, 0, &file)) {
        denied = tw_found_denied(&file, false);
        if (!denied && tw_files_state() == TW_FILES_ENFORCED)
            *pin = file.descriptor;
        else
            tw_unpin(file.descriptor);
    } else {
        denied = unfound_socket_denied(&lookup);
    }
    if (!denied)
        errno = error;
    return denied;
}
