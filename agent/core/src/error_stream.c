#define _GNU_SOURCE
#include "error_stream.h"

#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
    int descriptor;
    dev_t device;
    ino_t inode;
    pid_t main_process;
    bool has_place; /* a file that is written where the last line ended, and not appended to */
} stream = {.descriptor = -1};

pid_t tw_process_id(void)
{
    return (pid_t)syscall(SYS_getpid);
}

void tw_error_stream_open(pid_t main_process)
{
    struct stat status;

    stream.main_process = main_process;
    /* Higher than the numbers that programs count up from three; below 64, since for more the kernel makes the table of
     * descriptors anew, which takes a threaded process 10 ms. */
    stream.descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 48);
    if (stream.descriptor < 0) /* a limit below that */
        stream.descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (stream.descriptor < 0 || fstat(stream.descriptor, &status) != 0)
        return;
    stream.device = status.st_dev;
    stream.inode = status.st_ino;
    stream.has_place = S_ISREG(status.st_mode) && (fcntl(stream.descriptor, F_GETFL) & O_APPEND) == 0;
}

/* Whether a descriptor still is that stream: the function may have used its number anew. */
static bool is_ours(int descriptor)
{
    struct stat status;

    return descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_dev == stream.device &&
           status.st_ino == stream.inode;
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

/* The main process's descriptor, through /proc: a child's own copy may be closed. */
static int parents_descriptor(void)
{
    char path[64];
    struct tw_text text = {.start = path, .size = sizeof path - 1};

    tw_text_add(&text, "/proc/");
    tw_text_number(&text, (unsigned long)stream.main_process);
    tw_text_add(&text, "/fd/");
    tw_text_number(&text, (unsigned long)stream.descriptor);
    path[text.length] = '\0';
    return open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
}

bool tw_error_stream_write(const char *line, size_t length)
{
    if (is_ours(stream.descriptor))
        return write_to(stream.descriptor, line, length);
    if (is_ours(STDERR_FILENO))
        return write_to(STDERR_FILENO, line, length);
    if (tw_process_id() == stream.main_process)
        return false;
    /* Opened anew, a file has a place of its own: the parent would write over our line. */
    int descriptor = stream.descriptor < 0 || stream.has_place ? -1 : parents_descriptor();
    bool done = is_ours(descriptor) && write_to(descriptor, line, length);

    if (descriptor >= 0)
        close(descriptor);
    return done;
}
