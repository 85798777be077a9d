/* The names of files: of paths as they are written, and of open files as the kernel knows them. */
#define _GNU_SOURCE
#include "error_stream.h"
#include "files.h"
#include "text.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool add_parts(char *output, size_t room, size_t *length, const char *path)
{
    while (*path != '\0') {
        size_t size = strcspn(path, "/");

        if (size == 2 && path[0] == '.' && path[1] == '.') {
            while (*length > 0 && output[--*length] != '/')
                continue;
        } else if (size > 0 && !(size == 1 && path[0] == '.')) {
            if (*length + size + 2 > room)
                return false;
            output[(*length)++] = '/';
            memcpy(output + *length, path, size);
            *length += size;
        }
        path += size + (path[size] == '/');
    }
    return true;
}

bool tw_path_lexical(const char *base, const char *path, char *output, size_t size)
{
    size_t length = 0;

    if (path[0] != '/' && !add_parts(output, size, &length, base))
        return false;
    if (!add_parts(output, size, &length, path) || size < 2)
        return false;
    if (length == 0)
        output[length++] = '/';
    output[length] = '\0';
    return true;
}

void tw_descriptor_link(int descriptor, char output[TW_DESCRIPTOR_LINK])
{
    struct tw_text text = {.start = output, .size = TW_DESCRIPTOR_LINK - 1};

    tw_text_add(&text, "/proc/thread-self/fd/"); /* since Linux 3.17 */
    tw_text_number(&text, (unsigned long)descriptor);
    output[text.length] = '\0';
}

/* "/proc/<our number>/..." becomes "/proc/self/...": that is what policies say. */
static void name_self(char path[PATH_MAX], size_t length)
{
    char own[32];
    struct tw_text text = {.start = own, .size = sizeof own};

    if (strncmp(path, "/proc/", 6) != 0 || path[6] < '1' || path[6] > '9')
        return;
    tw_text_add(&text, "/proc/");
    tw_text_number(&text, (unsigned long)tw_process_id());
    if (length < text.length || memcmp(path, own, text.length) != 0 ||
        (path[text.length] != '/' && path[text.length] != '\0'))
        return;
    size_t rest = length - text.length + 1, at = strlen("/proc/self");

    if (at + rest <= PATH_MAX) {
        memmove(path + at, path + text.length, rest);
        memcpy(path, "/proc/self", at);
    }
}

/* The kernel puts a word behind the name of a file that was deleted. */
static size_t without_mark(int descriptor, const char *path, size_t length)
{
    static const char mark[] = " (deleted)";
    const size_t size = sizeof mark - 1;
    struct stat status;

    if (length <= size || memcmp(path + length - size, mark, size) != 0)
        return length;
    return fstat(descriptor, &status) == 0 && status.st_nlink == 0 ? length - size : length;
}

bool tw_descriptor_path(int descriptor, char output[PATH_MAX])
{
    char link[TW_DESCRIPTOR_LINK];

    tw_descriptor_link(descriptor, link);
    ssize_t size = readlink(link, output, PATH_MAX - 1);

    if (size <= 0 || size == PATH_MAX - 1) /* no /proc; or cut off */
        return false;
    size_t length = without_mark(descriptor, output, (size_t)size);

    output[length] = '\0';
    name_self(output, length);
    return true;
}
