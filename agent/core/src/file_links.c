/* A file can have several names (hard links). Which others it has the kernel does not tell; whether one of them lies
 * below an entry of the deny list is found by its number. */
#define _GNU_SOURCE
#include "files.h"
#include "pins.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A search ends here: folders within folders, and names looked at in all. */
enum { DEEPEST = 16, MOST_NAMES = 20000, BUFFER = 4096 };

/* What the system call getdents64 writes; glibc declares it under other names. */
struct name {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char text[];
};

enum { FOLDER_TYPE = 4 }; /* DT_DIR */

struct search {
    struct stat wanted;
    unsigned names;
};

static bool holds(struct search *search, int folder, int depth);

static bool is_wanted(struct search *search, int folder, const struct name *name, int depth)
{
    if (name->type != FOLDER_TYPE)
        return name->inode == search->wanted.st_ino;
    if (strcmp(name->text, ".") == 0 || strcmp(name->text, "..") == 0 || depth == DEEPEST)
        return false;
    int inner = tw_pin(openat(folder, name->text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    bool found = inner >= 0 ? holds(search, inner, depth + 1) : tw_is_shortage(errno);

    tw_unpin(inner);
    return found;
}

static bool holds(struct search *search, int folder, int depth)
{
    _Alignas(struct name) char buffer[BUFFER];
    struct stat status;
    long size;

    if (fstat(folder, &status) != 0 || status.st_dev != search->wanted.st_dev)
        return false; /* links never lead to another file system */
    while ((size = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < size;) {
            const struct name *name = (const struct name *)(buffer + at);

            if (++search->names > MOST_NAMES)
                return false;
            if (is_wanted(search, folder, name, depth))
                return true;
            at += name->size;
        }
    return false;
}

const char *tw_linked_entry(const struct tw_list *deny, int descriptor)
{
    struct search search = {.names = 0};

    if (fstat(descriptor, &search.wanted) != 0 || !S_ISREG(search.wanted.st_mode) || search.wanted.st_nlink < 2)
        return NULL;
    for (size_t i = 0; i < deny->count; i++) {
        struct stat status;
        int entry = tw_pin(open(deny->items[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_DIRECTORY));
        bool found = entry >= 0 ? holds(&search, entry, 0)
                                : tw_is_shortage(errno) ||
                                      (stat(deny->items[i], &status) == 0 && status.st_dev == search.wanted.st_dev &&
                                       status.st_ino == search.wanted.st_ino);

        tw_unpin(entry);
        if (found)
            return deny->items[i];
    }
    return NULL;
}
