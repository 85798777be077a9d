/* From a path to the file or folder that it leads to, pinned by a descriptor: what happens to names afterwards changes
 * nothing about what was judged. */
#define _GNU_SOURCE
#include "files.h"
#include "open_how.h"
#include "pins.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int pin(const struct tw_lookup *lookup, const char *path, int flags)
{
    int error = errno;

    flags |= O_PATH | O_CLOEXEC;
    int descriptor = lookup->resolve != 0 ? tw_open_how(lookup->folder, path, flags, 0, lookup->resolve)
                                          : openat(lookup->folder, path, flags);

    if (descriptor < 0)
        return -1;
    errno = error;
    return tw_pin(descriptor);
}

void tw_path_guess(const struct tw_lookup *lookup, char output[PATH_MAX])
{
    char folder[PATH_MAX];

    if (lookup->folder != AT_FDCWD || syscall(SYS_getcwd, folder, sizeof folder) < 0 || folder[0] != '/')
        memcpy(folder, "/", 2);
    if (!tw_path_lexical(folder, lookup->path, output, PATH_MAX))
        memcpy(output, "/", 2);
}

bool tw_file_find(const struct tw_lookup *lookup, int flags, struct tw_file *file)
{
    file->descriptor = pin(lookup, lookup->path, flags & (O_NOFOLLOW | O_DIRECTORY));
    if (file->descriptor < 0)
        return false;
    file->is_named = tw_descriptor_path(file->descriptor, file->path);
    if (!file->is_named)
        tw_path_guess(lookup, file->path);
    return true;
}

bool tw_file_by_descriptor(int descriptor, struct tw_file *file)
{
    file->descriptor = tw_pin(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    file->is_named = file->descriptor >= 0 && tw_descriptor_path(file->descriptor, file->path);
    if (!file->is_named)
        file->path[0] = '\0';
    return file->descriptor >= 0;
}

/* Where the last part of a path begins, and how long it is with the slashes behind it left out. */
static size_t last_part(const char *path, size_t *size)
{
    size_t end = strlen(path), start;

    while (end > 1 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/'; start--)
        continue;
    *size = end - start;
    return start;
}

bool tw_entry_find(const struct tw_lookup *lookup, struct tw_entry *entry)
{
    char parent[PATH_MAX];
    size_t size, start = last_part(lookup->path, &size);
    bool ends_in_slash = lookup->path[start + size] == '/';

    if (start + size == 0 || size > NAME_MAX || start >= PATH_MAX) {
        errno = start + size == 0 ? ENOENT : ENAMETOOLONG;
        return false;
    }
    memcpy(parent, lookup->path, start);
    memcpy(parent + start, ".", start == 0 ? 2 : 1);
    parent[start == 0 ? 1 : start] = '\0';
    entry->folder = pin(lookup, parent, O_DIRECTORY);
    if (entry->folder < 0)
        return false;
    memcpy(entry->last, lookup->path + start, size);
    memcpy(entry->last + size, "/", ends_in_slash ? 2 : 1);
    entry->last[size + ends_in_slash] = '\0';
    entry->is_named = tw_descriptor_path(entry->folder, parent);
    if (!entry->is_named) {
        tw_path_guess(lookup, entry->path);
        return true;
    }
    /* The root itself, "." and "..": no such call can succeed, the kernel says why. */
    if (!tw_path_lexical(parent, size == 0 ? "." : entry->last, entry->path, sizeof entry->path)) {
        tw_unpin(entry->folder);
        errno = ENAMETOOLONG;
        return false;
    }
    return true;
}
