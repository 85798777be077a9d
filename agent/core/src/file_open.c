/* Opening a file so that what is judged is what is opened.
 *
 * The path is judged as it is written, and then opened by a call that fails if one of its parts is a link: then what
 * was judged is the truth. Where there are links, the file is pinned, judged by the kernel's name for it, and opened
 * again by its descriptor; a file that is made is judged in its folder, which is pinned. Nothing is truncated or made
 * before. */
#define _GNU_SOURCE
#include "agent_memory.h"
#include "files.h"
#include "judge.h"
#include "open_how.h"
#include "pins.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* So many links that lead nowhere may follow each other, and so often may a name change while it is looked at. */
enum { ATTEMPTS = 8, CURRENT_FOLDER = 1024 };

static bool is_temporary(int flags)
{
    return (flags & O_TMPFILE) == O_TMPFILE;
}

/* Of a file that is there. */
static bool reads_only(int flags)
{
    return (flags & O_ACCMODE) == O_RDONLY && (flags & O_TRUNC) == 0 && !is_temporary(flags);
}

static int open_really(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    if (lookup->resolve != 0)
        return tw_open_how(lookup->folder, lookup->path, flags, mode, lookup->resolve);
    return openat(lookup->folder, lookup->path, flags, mode);
}

static int close_denied(int descriptor)
{
    int error = errno;

    close(descriptor);
    errno = error;
    return -1;
}

/* The path from the root on, unresolved. Returns false where it can't be told, or does not fit. */
static bool from_root(const struct tw_lookup *lookup, char *output, size_t size)
{
    size_t length = 0, given = strnlen(lookup->path, size);

    if (lookup->path[0] != '/') {
        long written = lookup->folder == AT_FDCWD ? syscall(SYS_getcwd, output, size) : -1;

        if (written < 2 || output[0] != '/')
            return false;
        length = (size_t)written - 1;
        output[length++] = '/';
    }
    if (given == 0 || length + given >= size)
        return false;
    memcpy(output + length, lookup->path, given);
    output[length + given] = '\0';
    return true;
}

static bool is_allowed(const char *path, bool reading)
{
    struct tw_file_facts facts = {path, .reads_only = reading};

    return tw_judge_file(&tw_policy_active->filesystem, &facts).effect == TW_EFFECT_DISABLE;
}

/* Judged after it was opened: nothing has happened to it yet. */
static int with_links_judged(int descriptor, const char *path, int flags, bool reading)
{
    const bool has_denied = tw_policy_active->filesystem.deny.count > 0;
    struct stat status;

    if (!has_denied && (flags & O_TRUNC) == 0)
        return descriptor;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))
        return descriptor;
    if (status.st_nlink > 1 && has_denied) {
        struct tw_file file = {.descriptor = descriptor, .is_named = true};

        memcpy(file.path, path, strlen(path) + 1);
        if (tw_found_denied(&file, reading))
            return close_denied(descriptor);
    }
    if ((flags & O_TRUNC) != 0 && ftruncate(descriptor, 0) != 0)
        return close_denied(descriptor);
    return descriptor;
}

/* Whether another way would fail for the same reason. Where a relative path starts, the folders above may be closed. */
static bool is_final(int error, bool relative)
{
    return error == ENOENT || error == EEXIST || error == EISDIR || error == ENOTDIR || error == EMFILE ||
           error == EINTR || (error == EACCES && !relative);
}

/* The names of processes mean the same in many ways; the kernel's own tells which. */
static bool is_of_process(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0;
}

/* The usual case: no part of the path is a link. Returns false where another way has to be gone. Takes no more of the
 * stack than the path does: signal handlers open files, too. */
static bool open_straight(const struct tw_lookup *lookup, int flags, mode_t mode, int *descriptor)
{
    const size_t size = strnlen(lookup->path, PATH_MAX) + (lookup->path[0] == '/' ? 2 : CURRENT_FOLDER);
    char path[size], real[size];
    bool reading = reads_only(flags) && (flags & O_CREAT) == 0;

    if (lookup->resolve != 0 || is_temporary(flags) || (flags & (O_ACCMODE | O_TRUNC)) == (O_RDONLY | O_TRUNC))
        return false;
    if (!from_root(lookup, path, size) || !tw_path_lexical("/", path, real, size) || is_of_process(real) ||
        !is_allowed(real, reading))
        return false;
    *descriptor = tw_open_how(AT_FDCWD, path, flags & ~O_TRUNC, mode, TW_RESOLVE_NO_SYMLINKS);
    if (*descriptor < 0)
        return is_final(errno, lookup->path[0] != '/');
    *descriptor = with_links_judged(*descriptor, real, flags, reading);
    return true;
}

static int pin(const struct tw_lookup *lookup, int flags, mode_t mode, int attempts, bool *is_new);

/* The name was taken meanwhile, or is that of a link which leads nowhere yet: then the file is made where it leads. */
static int pin_taken(const struct tw_lookup *lookup, const struct tw_entry *entry, int flags, mode_t mode, int attempts,
                     bool *is_new)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(entry->folder, entry->last, target, sizeof target - 1);

    if (attempts == 0 || (length > 0 && (flags & O_NOFOLLOW) != 0)) {
        errno = ELOOP;
        return -1;
    }
    if (length <= 0)
        return pin(lookup, flags, mode, attempts - 1, is_new);
    target[length] = '\0';
    return pin(&(struct tw_lookup){entry->folder, target, 0}, flags, mode, attempts - 1, is_new);
}

static int make(const struct tw_lookup *lookup, int flags, mode_t mode, int attempts, bool *is_new)
{
    struct tw_entry entry;

    if (!tw_entry_find(lookup, &entry))
        return -1;
    int descriptor = -1;

    /* Exclusively: what lies there by now is another file than the one that was judged. */
    if (!tw_entry_making_denied(&entry, false)) {
        descriptor = openat(entry.folder, entry.last, flags | O_EXCL, mode);
        *is_new = descriptor >= 0;
        if (descriptor < 0 && errno == EEXIST && (flags & O_EXCL) == 0)
            descriptor = pin_taken(lookup, &entry, flags, mode, attempts, is_new);
    } else if (errno == EEXIST && (flags & O_EXCL) == 0) {
        descriptor = pin_taken(lookup, &entry, flags, mode, attempts, is_new);
    }
    tw_unpin(entry.folder);
    return descriptor;
}

/* Of a file that is there, what the caller does not want. */
static bool is_unwanted(const struct tw_file *file, int flags)
{
    struct stat status;

    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        errno = EEXIST;
        return true;
    }
    if ((flags & O_NOFOLLOW) == 0 || fstat(file->descriptor, &status) != 0 || !S_ISLNK(status.st_mode))
        return false;
    errno = ELOOP;
    return true;
}

/* A descriptor of the file: one that pins it, or, where it was made, the one that was asked for. */
static int pin(const struct tw_lookup *lookup, int flags, mode_t mode, int attempts, bool *is_new)
{
    struct tw_file file;

    *is_new = false;
    if (!tw_file_find(lookup, flags, &file))
        return errno == ENOENT && (flags & O_CREAT) != 0 ? make(lookup, flags, mode, attempts, is_new) : -1;
    if (is_unwanted(&file, flags) || tw_found_denied(&file, reads_only(flags))) {
        tw_unpin(file.descriptor);
        return -1;
    }
    return file.descriptor;
}

int tw_file_pin(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    bool is_new;
    int descriptor = pin(lookup, flags, mode, ATTEMPTS, &is_new);

    return is_new ? tw_pin(descriptor) : descriptor;
}

static int open_pinned(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    char link[TW_DESCRIPTOR_LINK];
    bool is_new;
    int pinned = pin(lookup, flags, mode, ATTEMPTS, &is_new);

    if (is_new || pinned < 0)
        return pinned;
    tw_descriptor_link(pinned, link);
    int descriptor = openat(AT_FDCWD, link, flags & ~O_NOFOLLOW, mode);

    tw_unpin(pinned);
    return descriptor;
}

/* A file that is not there yet: the folder that it would be made in, at the end of links that lead nowhere. */
static bool making_denied(const struct tw_lookup *lookup, int flags, int attempts)
{
    struct tw_entry entry;
    char target[PATH_MAX];
    bool denied;

    if (!tw_entry_find(lookup, &entry))
        return tw_unfound_denied(lookup);
    ssize_t length = (flags & (O_NOFOLLOW | O_EXCL)) != 0
                         ? -1
                         : readlinkat(entry.folder, entry.last, target, sizeof target - 1);

    if (length > 0 && attempts > 0) {
        target[length] = '\0';
        denied = making_denied(&(struct tw_lookup){entry.folder, target, 0}, flags, attempts - 1);
    } else {
        denied = tw_entry_making_denied(&entry, false);
    }
    tw_unpin(entry.folder);
    return denied;
}

bool tw_file_open_denied(const struct tw_lookup *lookup, int flags)
{
    struct tw_file file;
    bool denied = false;
    int error = errno;

    if (tw_files_state() == TW_FILES_UNJUDGED || tw_is_no_address(lookup->path))
        return false;
    if (tw_file_find(lookup, flags, &file)) {
        if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
            denied = tw_found_denied(&file, reads_only(flags));
        tw_unpin(file.descriptor);
    } else if (errno == ENOENT && (flags & O_CREAT) != 0) {
        denied = making_denied(lookup, flags, ATTEMPTS);
    } else {
        denied = tw_unfound_denied(lookup);
    }
    if (!denied)
        errno = error;
    return denied;
}

/* Where links have to be followed, so that the path is looked at more than once. */
static __attribute__((noinline)) int open_copied(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    char path[PATH_MAX];
    size_t length = strnlen(lookup->path, PATH_MAX);

    if (length == 0 || length == PATH_MAX)
        return open_really(lookup, flags, mode); /* the kernel refuses it */
    memcpy(path, lookup->path, length);
    path[length] = '\0';
    return open_pinned(&(struct tw_lookup){lookup->folder, path, lookup->resolve}, flags, mode);
}

static int open_enforced(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    int descriptor, error = errno;

    if (is_temporary(flags) && (flags & O_ACCMODE) == O_RDONLY)
        return open_really(lookup, flags, mode); /* the kernel refuses it */
    if (!open_straight(lookup, flags, mode, &descriptor))
        descriptor = open_copied(lookup, flags, mode);
    if (descriptor >= 0)
        errno = error;
    return descriptor;
}

static int open_watched(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    tw_file_open_denied(lookup, flags);
    return open_really(lookup, flags, mode);
}

int tw_file_open(const struct tw_lookup *lookup, int flags, mode_t mode)
{
    enum tw_files state = tw_files_state();
    int descriptor;

    if (tw_is_no_address(lookup->path)) {
        errno = EFAULT;
        return -1;
    }
    /* A mere name gives nothing of a file, and what it is opened by later is judged then. */
    if (state == TW_FILES_UNJUDGED || (flags & O_PATH) != 0)
        descriptor = open_really(lookup, flags, mode);
    else
        descriptor = state == TW_FILES_WATCHED ? open_watched(lookup, flags, mode) : open_enforced(lookup, flags, mode);
    return (flags & O_ACCMODE) == O_RDONLY ? descriptor : tw_agent_memory_kept(descriptor);
}
