/* Which file a path means, and that a file is opened as open does it: number, errno, locks, position. */
#define _GNU_SOURCE
#include "audit.h"
#include "file_calls.h"
#include "files.h"
#include "sealed.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[PATH_MAX];
static const char *denied[2];
static struct tw_policy policy;

static void lexical(const char *base, const char *path, const char *wanted)
{
    char output[PATH_MAX];
    bool fits = tw_path_lexical(base, path, output, sizeof output);

    CHECK(fits && strcmp(output, wanted) == 0, "%s from %s is %s", path, base, fits ? output : "too long");
}

static void names(void)
{
    char output[8], link[TW_DESCRIPTOR_LINK], path[PATH_MAX];

    lexical("/", "/a/b", "/a/b");
    lexical("/", "//a///b//", "/a/b");
    lexical("/", "/./a/./b/.", "/a/b");
    lexical("/", "/a/../b", "/b");
    lexical("/", "/..", "/");
    lexical("/", "/../../a", "/a");
    lexical("/", "/a/..", "/");
    lexical("/", "/", "/");
    lexical("/x/y", "a", "/x/y/a");
    lexical("/x/y", "../a", "/x/a");
    lexical("/x/y", "../../../a", "/a");
    lexical("/x", ".", "/x");
    lexical("/x", "/a", "/a");
    lexical("/x", "...", "/x/...");
    lexical("/x", "..a", "/x/..a");
    lexical("/", "/a\n/\xff", "/a\n/\xff");
    CHECK(tw_path_lexical("/", "/abcdef", output, sizeof output) &&
          !tw_path_lexical("/", "/abcdefg", output, sizeof output),
          "eight bytes hold seven letters and the end");
    tw_descriptor_link(2147483647, link);
    CHECK(strcmp(link, "/proc/thread-self/fd/2147483647") == 0, "%s", link);
    int memory = open("/proc/self/status", O_RDONLY), pipes[2];

    CHECK(tw_descriptor_path(memory, path) && strcmp(path, "/proc/self/status") == 0, "%s", path);
    close(memory);
    CHECK(pipe(pipes) == 0 && tw_descriptor_path(pipes[0], path) && path[0] != '/', "%s", path);
    close(pipes[0]);
    close(pipes[1]);
    CHECK(!tw_descriptor_path(pipes[0], path), "a closed descriptor is %s", path);
}

static const char *in(const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    CHECK((size_t)snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX, "too long");
    return path;
}

static void make(const char *name, const char *text)
{
    int file = open(in(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", name, strerror(errno));
    close(file);
}

static off_t size_of(const char *name)
{
    struct stat status;

    return stat(in(name), &status) == 0 ? status.st_size : -1;
}

static void opens(const char *name, int flags)
{
    int lowest = open("/dev/null", O_RDONLY);

    close(lowest);
    errno = 77;
    int descriptor = tw_open(in(name), flags, 0600);

    CHECK(descriptor == lowest, "%s: %d (%s), and %d is the lowest", name, descriptor, strerror(errno), lowest);
    CHECK(errno == 77, "%s: errno became %d", name, errno);
    CHECK(((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0) == ((flags & O_CLOEXEC) != 0), "%s: close-on-exec", name);
    close(descriptor);
}

static void refuses(const char *name, int flags, int error)
{
    int descriptor = tw_open(in(name), flags, 0600);

    CHECK(descriptor == -1 && errno == error, "%s: %d, %s", name, descriptor, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
}

static void opening(void)
{
    make("free/file", "text");
    make("shut/file", "secret");
    CHECK(symlink("file", in("free/link")) == 0 && symlink("../shut/file", in("free/out")) == 0 &&
              symlink("../shut", in("free/folder")) == 0 && symlink("../shut/none", in("free/dangling")) == 0 &&
              symlink("fresh", in("free/hanging")) == 0 && symlink("loop", in("free/loop")) == 0 &&
              link(in("shut/file"), in("free/twin")) == 0,
          "%s", strerror(errno));
    opens("free/file", O_RDONLY);
    opens("free/file", O_RDWR | O_CLOEXEC);
    opens("free/link", O_RDONLY | O_CLOEXEC);
    opens("free/../free/./file", O_RDONLY);
    opens("free/new", O_WRONLY | O_CREAT | O_EXCL);
    opens("free/hanging", O_WRONLY | O_CREAT);
    CHECK(size_of("free/fresh") == 0, "what a link leads to is made");
    opens("free", O_RDONLY | O_DIRECTORY);
    opens("free", O_RDWR | O_TMPFILE);
    refuses("shut/file", O_RDONLY, EACCES);
    refuses("shut/file", O_WRONLY | O_TRUNC, EACCES);
    refuses("shut/new", O_WRONLY | O_CREAT, EACCES);
    refuses("free/out", O_RDONLY, EACCES);
    refuses("free/out", O_WRONLY | O_TRUNC, EACCES);
    refuses("free/folder/file", O_RDONLY, EACCES);
    refuses("free/dangling", O_WRONLY | O_CREAT, EACCES);
    refuses("free/twin", O_WRONLY | O_TRUNC, EACCES);
    refuses("shut", O_RDONLY | O_DIRECTORY, EACCES);
    refuses("shut", O_RDWR | O_TMPFILE, EACCES);
    CHECK(size_of("shut/file") == 6 && size_of("shut/new") == -1 && size_of("shut/none") == -1,
          "the shut folder changed");
    /* The kernel's own reasons. */
    refuses("shut/none", O_RDONLY, ENOENT);
    refuses("free/none", O_RDONLY, ENOENT);
    refuses("free/file/x", O_RDONLY, ENOTDIR);
    refuses("free/link", O_RDONLY | O_NOFOLLOW, ELOOP);
    refuses("free/loop", O_RDONLY, ELOOP);
    refuses("free/link", O_WRONLY | O_CREAT | O_EXCL, EEXIST);
    refuses("shut/file", O_WRONLY | O_CREAT | O_EXCL, EEXIST);
    refuses("free/file", O_RDONLY | O_DIRECTORY, ENOTDIR);
    refuses("free", O_WRONLY, EISDIR);
    CHECK(tw_open("", O_RDONLY) == -1 && errno == ENOENT, "an empty path");
    CHECK(tw_open(NULL, O_RDONLY) == -1 && errno == EFAULT, "no path");
    opens("free/link", O_WRONLY | O_TRUNC);
    CHECK(size_of("free/file") == 0, "not truncated");
}

/* Closing any descriptor of a file gives up the locks that the process has on it. */
static void locks(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int held = open(in("free/file"), O_RDWR), status = 0;

    CHECK(fcntl(held, F_SETLK, &lock) == 0, "%s", strerror(errno));
    int again = tw_open(in("free/link"), O_RDWR);
    pid_t child = fork();

    if (child == 0) {
        int other = open(in("free/file"), O_RDWR);

        _exit(fcntl(other, F_SETLK, &lock) == -1 && (errno == EAGAIN || errno == EACCES) ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "opening through a link gave up a lock");
    close(again);
    close(held);
}

static void entries(void)
{
    make("free/a", "a");
    CHECK(tw_rename(in("free/a"), in("free/b")) == 0 && size_of("free/b") == 1, "%s", strerror(errno));
    CHECK(tw_rename(in("free/b"), in("shut/b")) == -1 && errno == EACCES && size_of("free/b") == 1, "renamed into it");
    CHECK(tw_rename(in("shut/file"), in("free/c")) == -1 && errno == EACCES, "renamed out of it");
    CHECK(tw_rename(in("free/folder/file"), in("free/c")) == -1 && errno == EACCES, "renamed out of it through a link");
    CHECK(tw_rename(folder, "/tmp/elsewhere") == -1 && errno == EACCES, "the folder above went away with it");
    CHECK(tw_link(in("shut/file"), in("free/c")) == -1 && errno == EACCES, "linked out of it");
    CHECK(tw_linkat(AT_FDCWD, in("free/out"), AT_FDCWD, in("free/c"), AT_SYMLINK_FOLLOW) == -1 && errno == EACCES,
          "through a link");
    CHECK(tw_unlink(in("shut/file")) == -1 && errno == EACCES && size_of("shut/file") == 6, "taken away");
    CHECK(tw_unlink(in("shut/none")) == -1 && errno == ENOENT, "what is not there: %s", strerror(errno));
    CHECK(tw_unlink(in("free/out")) == 0 && size_of("shut/file") == 6, "a link is no file of the other folder");
    CHECK(tw_mkdir(in("shut/d"), 0700) == -1 && errno == EACCES, "a folder");
    CHECK(tw_mkdir(in("shut/file"), 0700) == -1 && errno == EEXIST, "what is there: %s", strerror(errno));
    CHECK(tw_mkdir(in("free/d/"), 0700) == 0 && tw_rmdir(in("free/d/")) == 0, "%s", strerror(errno));
    CHECK(tw_mkdir("/", 0700) == -1 && errno == EEXIST, "the root: %s", strerror(errno));
    CHECK(tw_unlink("/") == -1 && (errno == EISDIR || errno == EBUSY), "the root: %s", strerror(errno));
    CHECK(tw_rmdir(in("free/.")) == -1 && errno == EINVAL, "a point: %s", strerror(errno));
    CHECK(tw_symlink("x", in("shut/l")) == -1 && errno == EACCES, "a link");
    CHECK(tw_mkfifo(in("shut/f"), 0600) == -1 && errno == EACCES, "a pipe");
    CHECK(tw_truncate(in("shut/file"), 0) == -1 && errno == EACCES && size_of("shut/file") == 6, "truncated");
    CHECK(tw_truncate(in("free/twin"), 0) == -1 && errno == EACCES && size_of("shut/file") == 6,
          "truncated under another name");
    CHECK(tw_chmod(in("free/folder/file"), 0777) == -1 && errno == EACCES, "its mode");
    CHECK(tw_chmod(in("free/b"), 0640) == 0, "%s", strerror(errno));
    CHECK(tw_unlinkat(-7, "x", 0) == -1 && errno == EBADF, "no folder: %s", strerror(errno));
    CHECK(tw_unlink(in("free/b")) == 0, "%s", strerror(errno));
}

static volatile sig_atomic_t signals;

static void count(int number)
{
    signals += number == SIGALRM;
}

/* Who waits for the other end of a pipe is woken by the first signal, not by the next one. */
static void interrupted(void)
{
    struct sigaction action = {.sa_handler = count};
    struct itimerval timer = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_sec = 2}}, none = {0};

    CHECK(mkfifo(in("free/pipe"), 0600) == 0 && sigaction(SIGALRM, &action, NULL) == 0, "%s", strerror(errno));
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK(tw_open(in("free/pipe"), O_RDONLY) == -1 && errno == EINTR && signals == 1, "%d signals", (int)signals);
    setitimer(ITIMER_REAL, &none, NULL);
}

/* A process that stands in a folder may use it, although the folders above are closed to it. */
static void below_closed_folders(void)
{
    int status = 0;

    CHECK(mkdir(in("free/closed"), 0700) == 0 && mkdir(in("free/closed/inner"), 0755) == 0, "%s", strerror(errno));
    make("free/closed/inner/file", "inner");
    CHECK(chmod(in("free/closed/inner/file"), 0644) == 0, "%s", strerror(errno));
    pid_t child = fork();

    if (child == 0) {
        bool is_there = chdir(in("free/closed/inner")) == 0 && chmod(in("free/closed"), 0) == 0;

        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        _exit(is_there && tw_open("file", O_RDONLY) >= 0 ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "%x", status);
    CHECK(chmod(in("free/closed"), 0700) == 0, "%s", strerror(errno));
}

static void *on_a_small_stack(void *none)
{
    (void)none;
    opens("free/file", O_RDONLY);
    return NULL;
}

static int take_away(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

int main(void)
{
    char template[] = "/tmp/files-XXXXXX";
    struct tw_audit_identity identity = {NULL, NULL, "aws", "r", "c"};
    pthread_attr_t small;
    pthread_t thread;

    CHECK(tw_sealed_open(true), "the agent's own pages");
    names();
    CHECK(mkdtemp(template) != NULL && realpath(template, folder) != NULL, "%s", strerror(errno));
    CHECK(mkdir(in("free"), 0700) == 0 && mkdir(in("shut"), 0700) == 0, "%s", strerror(errno));
    denied[0] = strdup(in("shut"));
    policy = (struct tw_policy){.filesystem = {.effect = TW_EFFECT_PREVENT, .deny = {denied, 1}}};
    tw_policy_active = &policy;
    int saved = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);

    dup2(nowhere, STDERR_FILENO); /* where the audits go */
    CHECK(tw_audit_open(&identity, NULL, NULL), "no memory");
    dup2(saved, STDERR_FILENO);
    opening();
    locks();
    entries();
    interrupted();
    below_closed_folders();
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 128 * 1024) == 0 &&
              pthread_create(&thread, &small, on_a_small_stack, NULL) == 0 && pthread_join(thread, NULL) == 0,
          "%s", strerror(errno));
    tw_policy_active = NULL;
    CHECK(nftw(folder, take_away, 16, FTW_DEPTH | FTW_PHYS) == 0, "%s", strerror(errno));
    return test_end("files");
}
