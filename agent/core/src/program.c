#define _GNU_SOURCE
#include "program.h"

#include "files.h"
#include "program_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel reads this much of a file to tell what it is (BINPRM_BUF_SIZE). */
enum { HEAD = 256 };

/* The canonical path of an open file: the kernel's own name for it. */
static bool name_of(int descriptor, char output[PATH_MAX])
{
    char link[TW_DESCRIPTOR_LINK];

    tw_descriptor_link(descriptor, link);
    ssize_t length = readlink(link, output, PATH_MAX - 1);

    if (length <= 0 || length == PATH_MAX - 1) /* no /proc; or cut off */
        return false;
    output[length] = '\0';
    return true;
}

static bool is_space(char letter)
{
    return letter == ' ' || letter == '\t';
}

const char *tw_script_interpreter(char *line, size_t size)
{
    size_t start = 2, end;

    if (size < 3 || line[0] != '#' || line[1] != '!')
        return NULL;
    while (start < size && is_space(line[start]))
        start++;
    end = start;
    while (end < size && !is_space(line[end]) && line[end] != '\n' && line[end] != '\0')
        end++;
    if (end == start || end == size)
        return NULL; /* empty, or cut off: the kernel refuses it */
    line[end] = '\0';
    return line + start;
}

enum kind { PROGRAM, SCRIPT, NEITHER, UNREADABLE };

/* What a file is by its first bytes; of a script, the interpreter lies in `head`. The kernel needs no permission to
 * read a file for this, and we do. */
static enum kind kind(int descriptor, char head[HEAD + 1], const char **interpreter, bool *foreign)
{
    ssize_t length;

    do
        length = pread(descriptor, head, HEAD, 0);
    while (length < 0 && errno == EINTR);
    if (length < 0)
        return UNREADABLE;
    head[length] = '\n';
    *interpreter = tw_script_interpreter(head, (size_t)length + (length < HEAD));
    if (*interpreter != NULL)
        return SCRIPT;
    if (length < 4 || memcmp(head, "\x7f" "ELF", 4) != 0)
        return NEITHER;
    *foreign = tw_program_is_foreign(descriptor, head, (size_t)length);
    return PROGRAM;
}

/* Opens for reading what may be read, else as a mere name. */
static int open_program(int folder, const char *path)
{
    int descriptor = openat(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (descriptor < 0 && errno == EACCES)
        descriptor = openat(folder, path, O_PATH | O_CLOEXEC);
    return descriptor;
}

/* The kernel starts nothing but files. */
static bool is_file(const struct stat *status)
{
    if (S_ISREG(status->st_mode))
        return true;
    errno = EACCES;
    return false;
}

/* By the name alone, for a file that can't be opened: a process without free descriptors can still start it. Sets
 * errno. */
static bool may_start(int folder, const char *path)
{
    struct stat status;

    if (fstatat(folder, path, &status, 0) != 0)
        return errno == EIO || errno == ENOMEM;
    return is_file(&status) && faccessat(folder, path, X_OK, AT_EACCESS) == 0;
}

/* Of the file itself: by descriptor, so that its name can't come to mean another one in between. Sets errno. */
static bool is_executable(int descriptor)
{
    char link[TW_DESCRIPTOR_LINK];
    struct stat status;

    if (fstat(descriptor, &status) != 0 || !is_file(&status))
        return false;
    tw_descriptor_link(descriptor, link);
    if (faccessat(AT_FDCWD, link, X_OK, AT_EACCESS) == 0)
        return true;
    if (errno != ENOENT)
        return false;
    errno = EACCES; /* there is no /proc */
    return (status.st_mode & 0111) != 0;
}

static void find_interpreter(int file, bool shell_fallback, struct tw_program *program)
{
    char head[HEAD + 1];
    const char *next = NULL;
    enum kind what = kind(file, head, &next, &program->foreign);

    program->unexamined |= what == UNREADABLE;
    if (what == NEITHER && shell_fallback)
        next = "/bin/sh";
    else if (what != SCRIPT)
        return;
    int descriptor = open_program(AT_FDCWD, next);

    if (descriptor < 0 && !may_start(AT_FDCWD, next))
        return; /* the kernel refuses it */
    if (descriptor < 0 || !name_of(descriptor, program->interpreter)) {
        program->unexamined = true;
        tw_path_copy(next, program->interpreter); /* a head is shorter */
    }
    if (descriptor >= 0)
        close(descriptor);
}

bool tw_path_copy(const char *from, char output[PATH_MAX])
{
    size_t length = from == NULL ? 0 : strnlen(from, PATH_MAX);

    if (from == NULL || length == PATH_MAX) {
        errno = from == NULL ? EFAULT : ENAMETOOLONG;
        return false;
    }
    memcpy(output, from, length);
    output[length] = '\0'; /* it may have grown meanwhile */
    return true;
}

bool tw_program_find(const struct tw_program_call *call, struct tw_program *program)
{
    bool is_descriptor = call->is_descriptor && call->path[0] == '\0';
    int descriptor = is_descriptor ? call->folder : open_program(call->folder, call->path);
    bool found = descriptor >= 0 ? is_executable(descriptor) : may_start(call->folder, call->path);

    program->interpreter[0] = '\0';
    program->foreign = false;
    program->unexamined = descriptor < 0;
    if (call->file_unknown) {
        /* What the child means by this name may be another file, or be there only for it. */
        found = program->unexamined = true;
        tw_path_copy(call->path, program->path);
    } else if (found) {
        if (descriptor < 0 || !name_of(descriptor, program->path)) {
            program->unexamined = true;
            tw_path_copy(call->path, program->path);
        }
        if (descriptor >= 0)
            find_interpreter(descriptor, call->shell_fallback, program);
    }
    if (descriptor >= 0 && !is_descriptor)
        close(descriptor);
    return found;
}

bool tw_search_next(struct tw_search *search, const char *name, char output[PATH_MAX])
{
    size_t size = strlen(name);

    if (search->path == NULL)
        search->path = "/bin:/usr/bin";
    while (!search->ended) {
        const char *path = search->path;
        size_t length = strcspn(path, ":");

        search->ended = path[length] == '\0';
        search->path = path + length + !search->ended;
        if (length + size + 2 > PATH_MAX)
            continue;
        memcpy(output, path, length);
        output[length] = '/';
        /* An empty entry means the current folder. */
        memcpy(output + length + (length > 0), name, size + 1);
        return true;
    }
    return false;
}

bool tw_is_executable(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && is_file(&status) && access(path, X_OK) == 0;
}
