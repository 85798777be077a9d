/* The hooks of the calls that make and take away names: in the folder that was judged, whatever its own name does. */
#define _GNU_SOURCE
#include "file_calls.h"

#include "files.h"
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#define RENAME_NOREPLACE 1
#endif

enum purpose { MAKES, REPLACES, TAKES, TAKES_ALL_BELOW };

/* A name that a call is about, copied and judged. */
struct subject {
    struct tw_entry entry;
    bool is_pinned;
    bool was_denied; /* and goes on all the same, with the effect "alert" */
    int folder; /* what the call gets */
    const char *path;
};

static void release(struct subject *subject)
{
    if (subject->is_pinned)
        tw_unpin(subject->entry.folder);
    subject->is_pinned = false;
}

/* Returns false, with errno set, when the call must fail. With the effect "alert" the call gets what it was given. */
static bool admit(struct subject *subject, int folder, const char *path, enum purpose purpose)
{
    enum tw_files state = tw_files_state();
    char copy[PATH_MAX];
    int error = errno;

    subject->is_pinned = subject->was_denied = false;
    subject->folder = folder;
    subject->path = path;
    size_t length = tw_is_no_address(path) ? 0 : strnlen(path, PATH_MAX);

    if (state == TW_FILES_UNJUDGED || length == 0 || length == PATH_MAX)
        return true; /* not judged, or the kernel refuses it */
    memcpy(copy, path, length);
    copy[length] = '\0';
    if (!tw_entry_find(&(struct tw_lookup){folder, copy, 0}, &subject->entry)) {
        if (state == TW_FILES_ENFORCED)
            return false;
        errno = error;
        return true;
    }
    subject->is_pinned = true;
    bool makes = purpose == MAKES || purpose == REPLACES;
    bool denied = makes ? tw_entry_making_denied(&subject->entry, purpose == REPLACES)
                        : tw_entry_taking_denied(&subject->entry, purpose == TAKES_ALL_BELOW);

    if (state == TW_FILES_WATCHED) {
        subject->was_denied = !tw_entry_is_allowed(&subject->entry, purpose == TAKES_ALL_BELOW);
        release(subject);
        errno = error;
        return true;
    }
    if (denied) {
        release(subject);
        return false;
    }
    /* The root has no name in a folder; no call takes it. */
    subject->folder = subject->entry.folder;
    subject->path = subject->entry.last[0] == '/' || subject->entry.last[0] == '\0' ? "/" : subject->entry.last;
    errno = error;
    return true;
}

/* A call about one name. */
#define ON_ENTRY(at, name, purpose, call)                 \
    struct subject subject;                               \
    if (!admit(&subject, at, name, purpose))              \
        return -1;                                        \
    int result = (int)(call);                             \
    release(&subject);                                    \
    return result

int tw_unlinkat(int folder, const char *path, int flags)
{
    ON_ENTRY(folder, path, TAKES, unlinkat(subject.folder, subject.path, flags));
}

int tw_unlink(const char *path)
{
    return tw_unlinkat(AT_FDCWD, path, 0);
}

int tw_rmdir(const char *path)
{
    return tw_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int tw_remove(const char *path)
{
    struct subject subject;
    int error = errno;

    if (!admit(&subject, AT_FDCWD, path, TAKES))
        return -1;
    int result = unlinkat(subject.folder, subject.path, 0);

    if (result != 0 && (errno == EISDIR || errno == EPERM) &&
        unlinkat(subject.folder, subject.path, AT_REMOVEDIR) == 0) {
        errno = error;
        result = 0;
    }
    release(&subject);
    return result;
}

int tw_mkdirat(int folder, const char *path, mode_t mode)
{
    ON_ENTRY(folder, path, MAKES, mkdirat(subject.folder, subject.path, mode));
}

int tw_mkdir(const char *path, mode_t mode)
{
    return tw_mkdirat(AT_FDCWD, path, mode);
}

int tw_symlinkat(const char *target, int folder, const char *path)
{
    ON_ENTRY(folder, path, MAKES, symlinkat(target, subject.folder, subject.path));
}

int tw_symlink(const char *target, const char *path)
{
    return tw_symlinkat(target, AT_FDCWD, path);
}

int tw_mknodat(int folder, const char *path, mode_t mode, dev_t device)
{
    ON_ENTRY(folder, path, MAKES, syscall(SYS_mknodat, subject.folder, subject.path, mode, (unsigned)device));
}

int tw_mknod(const char *path, mode_t mode, dev_t device)
{
    return tw_mknodat(AT_FDCWD, path, mode, device);
}

int tw_xmknod(int version, const char *path, mode_t mode, dev_t *device)
{
    (void)version;
    return tw_mknodat(AT_FDCWD, path, mode, *device);
}

int tw_xmknodat(int version, int folder, const char *path, mode_t mode, dev_t *device)
{
    (void)version;
    return tw_mknodat(folder, path, mode, *device);
}

int tw_mkfifoat(int folder, const char *path, mode_t mode)
{
    return tw_mknodat(folder, path, mode | S_IFIFO, 0);
}

int tw_mkfifo(const char *path, mode_t mode)
{
    return tw_mkfifoat(AT_FDCWD, path, mode);
}

/* Of two names one audit is enough. */
static bool admit_second(const struct subject *first, struct subject *subject, int folder, const char *path,
                         enum purpose purpose)
{
    if (!first->was_denied)
        return admit(subject, folder, path, purpose);
    *subject = (struct subject){.folder = folder, .path = path};
    return true;
}

int tw_renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    const enum purpose purpose = (flags & RENAME_EXCHANGE) != 0    ? TAKES_ALL_BELOW
                                 : (flags & RENAME_NOREPLACE) != 0 ? MAKES
                                                                   : REPLACES;
    struct subject source, target;

    /* What lies below a folder goes with it, out of the reach of an entry that names it. */
    if (!admit(&source, from_folder, from, TAKES_ALL_BELOW))
        return -1;
    int result = -1;

    if (admit_second(&source, &target, to_folder, to, purpose)) {
        result = flags == 0 ? renameat(source.folder, source.path, target.folder, target.path)
                            : (int)syscall(SYS_renameat2, source.folder, source.path, target.folder, target.path,
                                           flags);
        release(&target);
    }
    release(&source);
    return result;
}

int tw_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return tw_renameat2(from_folder, from, to_folder, to, 0);
}

int tw_rename(const char *from, const char *to)
{
    return tw_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* A link may start from a descriptor, or from what a link leads to: then it is the file itself that is judged. */
static bool admit_source(struct subject *subject, struct tw_file *file, int folder, const char *path, int flags)
{
    bool by_itself = (flags & (AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0;
    struct tw_lookup lookup = {folder, path, 0};
    int error = errno;

    file->descriptor = -1;
    if (!by_itself || tw_files_state() == TW_FILES_UNJUDGED || tw_is_no_address(path))
        return admit(subject, folder, path, TAKES);
    *subject = (struct subject){.folder = folder, .path = path};
    bool found = path[0] == '\0' && (flags & AT_EMPTY_PATH) != 0
                     ? tw_file_by_descriptor(folder, file)
                     : tw_file_find(&lookup, (flags & AT_SYMLINK_FOLLOW) != 0 ? 0 : O_NOFOLLOW, file);

    if (found && tw_found_denied(file, false)) {
        tw_unpin(file->descriptor);
        errno = EACCES;
        return false;
    }
    errno = error;
    return true;
}

int tw_linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    struct subject source, target;
    struct tw_file file;
    char link[TW_DESCRIPTOR_LINK];
    int result = -1;

    if (!admit_source(&source, &file, from_folder, from, flags))
        return -1;
    if (file.descriptor >= 0 && tw_files_state() == TW_FILES_ENFORCED) {
        tw_descriptor_link(file.descriptor, link);
        source.folder = AT_FDCWD;
        source.path = link;
        flags = AT_SYMLINK_FOLLOW;
    }
    if (admit_second(&source, &target, to_folder, to, MAKES)) {
        result = linkat(source.folder, source.path, target.folder, target.path, flags);
        release(&target);
    }
    release(&source);
    tw_unpin(file.descriptor);
    return result;
}

int tw_link(const char *from, const char *to)
{
    return tw_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}
