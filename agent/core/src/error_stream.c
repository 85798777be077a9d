#define _GNU_SOURCE
#include "error_stream.h"

#include "shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* pidfd_open and pidfd_getfd, which have the same numbers on all machines; Linux 5.3 and 5.6. */
enum { PIDFD_OPEN = 434, PIDFD_GETFD = 438 };

static struct {
    struct tw_remote kept; /* in the main process */
    pid_t main_process;
    bool follows;   /* this program was started by the main process, and has no duplicate of its own */
    bool has_place; /* a file that is written where the last line ended, and not appended to */
} stream = {.kept = {.descriptor = -1}};

pid_t tw_process_id(void)
{
    return (pid_t)syscall(SYS_getpid);
}

void tw_error_stream_open(pid_t main_process)
{
    struct stat status;

    stream.main_process = main_process;
    stream.kept.descriptor = tw_descriptor_keep(STDERR_FILENO);
    if (stream.kept.descriptor < 0 || fstat(stream.kept.descriptor, &status) != 0)
        return;
    stream.kept.device = status.st_dev;
    stream.kept.inode = status.st_ino;
    stream.has_place = S_ISREG(status.st_mode) && (fcntl(stream.kept.descriptor, F_GETFL) & O_APPEND) == 0;
}

void tw_error_stream_follow(const struct tw_parent *parent)
{
    stream.kept = parent->stream;
    stream.main_process = parent->process;
    stream.has_place = parent->stream_has_place;
    stream.follows = true;
}

void tw_error_stream_end(void)
{
    stream.has_place = false;
}

void tw_error_stream_describe(struct tw_parent *parent)
{
    parent->stream = stream.kept;
    parent->stream_has_place = stream.has_place;
}

/* Whether a descriptor still is that stream: the function may have used its number anew. */
static bool is_ours(int descriptor)
{
    struct stat status;

    return descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_dev == stream.kept.device &&
           status.st_ino == stream.kept.inode;
}

/* Nobody may read the stream any more: the signal that this raises is not the function's, and would end it. */
static bool write_to(int descriptor, const char *line, size_t length)
{
    static const struct timespec at_once = {0, 0};
    sigset_t broken, before, pending;
    ssize_t written;

    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    sigprocmask(SIG_BLOCK, &broken, &before);
    do
        written = write(descriptor, line, length);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&broken, NULL, &at_once);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return written > 0;
}

/* A duplicate of the main process's descriptor, with the same place in a file, and of a socket as well. The kernel lets
 * a process have it that might trace the main process; our own lock refuses it. */
static int duplicate(void)
{
    int process = (int)syscall(PIDFD_OPEN, stream.main_process, 0);
    int descriptor = process < 0 ? -1 : (int)syscall(PIDFD_GETFD, process, stream.kept.descriptor, 0);

    if (process >= 0)
        close(process);
    return descriptor;
}

/* The main process's descriptor: a child's own copy may be closed. Opened anew, a file has a place of its own, and the
 * main process would write over our line. */
static int parents_descriptor(void)
{
    int descriptor = -1;

    if (stream.kept.descriptor >= 0 && !stream.has_place)
        descriptor = tw_remote_open(stream.main_process, &stream.kept, O_WRONLY | O_APPEND);
    if (stream.kept.descriptor >= 0 && descriptor < 0)
        descriptor = duplicate();
    return descriptor;
}

bool tw_error_stream_write(const char *line, size_t length)
{
    if (!stream.follows && is_ours(stream.kept.descriptor))
        return write_to(stream.kept.descriptor, line, length);
    if (is_ours(STDERR_FILENO))
        return write_to(STDERR_FILENO, line, length);
    if (tw_process_id() == stream.main_process)
        return false;
    int descriptor = parents_descriptor();
    bool done = is_ours(descriptor) && write_to(descriptor, line, length);

    if (descriptor >= 0)
        close(descriptor);
    return done;
}
