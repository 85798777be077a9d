/* The hooks of the calls that read folders, and of those that make up a file's name themselves. */
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

typedef int filter_function(const struct dirent *);
typedef int compare_function(const struct dirent **, const struct dirent **);
typedef DIR *opendir_function(const char *);
typedef int scandirat_function(int, const char *, struct dirent ***, filter_function *, compare_function *);
typedef int ftw_function(const char *, __ftw_func_t, int);
typedef int nftw_function(const char *, __nftw_func_t, int, int);

DIR *tw_opendir(const char *path)
{
    if (tw_files_state() == TW_FILES_UNJUDGED || tw_is_no_address(path))
        return TW_REAL(opendir, opendir_function)(path);
    int descriptor = tw_file_open(&(struct tw_lookup){AT_FDCWD, path, 0},
                                  O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);

    if (folder == NULL && descriptor >= 0)
        close(descriptor);
    return folder;
}

/* libc reads the folder through its descriptor: it is the one that was judged. */
int tw_scandirat(int folder, const char *path, struct dirent ***names, filter_function *filter,
                 compare_function *compare)
{
    scandirat_function *real = TW_REAL(scandirat, scandirat_function);
    char link[TW_DESCRIPTOR_LINK];
    struct tw_file file;

    if (tw_files_state() == TW_FILES_UNJUDGED || tw_is_no_address(path))
        return real(folder, path, names, filter, compare);
    if (!tw_file_find(&(struct tw_lookup){folder, path, 0}, O_DIRECTORY, &file))
        return -1;
    tw_descriptor_link(file.descriptor, link);
    int count = tw_found_denied(&file, true) ? -1 : real(AT_FDCWD, link, names, filter, compare);

    tw_unpin(file.descriptor);
    return count;
}

int tw_scandir(const char *path, struct dirent ***names, filter_function *filter, compare_function *compare)
{
    return tw_scandirat(AT_FDCWD, path, names, filter, compare);
}

bool tw_path_walk_denied(const char *path)
{
    struct tw_lookup lookup = {AT_FDCWD, path, 0};
    struct tw_file file;
    int error = errno;

    if (tw_files_state() == TW_FILES_UNJUDGED || tw_is_no_address(path))
        return false;
    if (!tw_file_find(&lookup, 0, &file)) {
        bool denied = tw_unfound_denied(&lookup);

        errno = denied ? EACCES : error; /* if not, libc finds the same reason */
        return denied;
    }
    bool denied = tw_walk_denied(&file);

    tw_unpin(file.descriptor);
    errno = denied ? EACCES : error;
    return denied;
}

int tw_ftw(const char *path, __ftw_func_t function, int descriptors)
{
    return tw_path_walk_denied(path) ? -1 : TW_REAL(ftw, ftw_function)(path, function, descriptors);
}

int tw_nftw(const char *path, __nftw_func_t function, int descriptors, int flags)
{
    return tw_path_walk_denied(path) ? -1 : TW_REAL(nftw, nftw_function)(path, function, descriptors, flags);
}

static void *open_folder(const char *path)
{
    return tw_opendir(path);
}

static struct dirent *read_folder(void *folder)
{
    return readdir(folder);
}

static void close_folder(void *folder)
{
    closedir(folder);
}

/* libc lets the caller say how folders are read. */
int tw_glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *found)
{
    typedef int function(const char *, int, int (*)(const char *, int), glob_t *);

    if (tw_files_state() == TW_FILES_UNJUDGED || (flags & GLOB_ALTDIRFUNC) != 0 || found == NULL)
        return TW_REAL(glob, function)(pattern, flags, failed, found);
    found->gl_opendir = open_folder;
    found->gl_readdir = read_folder;
    found->gl_closedir = close_folder;
    found->gl_lstat = lstat;
    found->gl_stat = stat;
    int result = TW_REAL(glob, function)(pattern, flags | GLOB_ALTDIRFUNC, failed, found);

    found->gl_flags &= ~GLOB_ALTDIRFUNC;
    return result;
}

enum { LETTERS = 62, MARKS = 6, ATTEMPTS = 62 * 62 };

/* Six random letters and digits, as libc's. */
static bool fill_in(char *marks)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char random[MARKS];

    if (syscall(SYS_getrandom, random, sizeof random, 0) != (long)sizeof random)
        return false;
    for (size_t i = 0; i < MARKS; i++)
        marks[i] = letters[random[i] % LETTERS];
    return true;
}

/* Where the six marks of a template begin; NULL, with errno set, when it has none. */
static char *marks_of(char *template, int suffix)
{
    size_t length = strlen(template);

    if (suffix < 0 || length < (size_t)suffix + MARKS ||
        memcmp(template + length - (size_t)suffix - MARKS, "XXXXXX", MARKS) != 0) {
        errno = EINVAL;
        return NULL;
    }
    return template + length - (size_t)suffix - MARKS;
}

/* A name that is not taken, and what was made under it: a descriptor, or 0 for a folder. The names are made up here, so
 * that each is judged before it is used. */
static int make_unique(char *template, int suffix, int flags, bool folder)
{
    char *marks = marks_of(template, suffix);
    int error = errno, made = -1;

    if (marks == NULL)
        return -1;
    for (int i = 0; i < ATTEMPTS && fill_in(marks); i++) {
        made = folder ? tw_mkdir(template, 0700)
                      : tw_open(template, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (made >= 0 || errno != EEXIST)
            break;
    }
    if (made >= 0)
        errno = error;
    else
        memcpy(marks, "XXXXXX", MARKS);
    return made;
}

typedef int mkostemps_function(char *, int, int);
typedef char *mkdtemp_function(char *);

int tw_mkostemps(char *template, int suffix, int flags)
{
    if (tw_files_state() == TW_FILES_UNJUDGED || template == NULL)
        return TW_REAL(mkostemps, mkostemps_function)(template, suffix, flags);
    return make_unique(template, suffix, flags, false);
}

int tw_mkostemp(char *template, int flags)
{
    return tw_mkostemps(template, 0, flags);
}

int tw_mkstemps(char *template, int suffix)
{
    return tw_mkostemps(template, suffix, 0);
}

int tw_mkstemp(char *template)
{
    return tw_mkostemps(template, 0, 0);
}

char *tw_mkdtemp(char *template)
{
    if (tw_files_state() == TW_FILES_UNJUDGED || template == NULL)
        return TW_REAL(mkdtemp, mkdtemp_function)(template);
    return make_unique(template, 0, 0, true) < 0 ? NULL : template;
}

/* A file without a name, in the folder that libc takes for it. */
FILE *tw_tmpfile(void)
{
    typedef FILE *tmpfile_function(void);

    if (tw_files_state() == TW_FILES_UNJUDGED)
        return TW_REAL(tmpfile, tmpfile_function)();
    char template[] = P_tmpdir "/tmpfXXXXXX";
    int descriptor = tw_open(P_tmpdir, O_RDWR | O_TMPFILE | O_EXCL, 0600);

    if (descriptor < 0 && errno != EACCES) {
        /* The file system knows no files without names. */
        descriptor = make_unique(template, 0, 0, false);
        if (descriptor >= 0)
            unlink(template);
    }
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w+");

    if (file == NULL && descriptor >= 0)
        close(descriptor);
    return file;
}
