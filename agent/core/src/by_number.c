#define _GNU_SOURCE
#include "by_number.h"

#include "agent_calls.h"
#include "file_calls.h"
#include "network_calls.h"
#include "pins.h"
#include "process_calls.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* Not in glibc's headers everywhere. */
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pwritev2
#define SYS_pwritev2 (SYS_write == 1 ? 328 : 287)
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* Every number that is judged, and the call that stands for it. */
#define COMMON(CALL)                                                                                     \
    CALL(SYS_execve, tw_execve((const char *)a, (char *const *)b, (char *const *)c))                     \
    CALL(SYS_execveat, tw_execveat((int)a, (const char *)b, (char *const *)c, (char *const *)d, (int)e)) \
    CALL(SYS_openat, tw_openat((int)a, (const char *)b, (int)c, (mode_t)d))                              \
    CALL(SYS_openat2, tw_openat2((int)a, (const char *)b, (const struct tw_how *)c, (size_t)d))          \
    CALL(SYS_unlinkat, tw_unlinkat((int)a, (const char *)b, (int)c))                                     \
    CALL(SYS_renameat2, tw_renameat2((int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e))     \
    CALL(SYS_linkat, tw_linkat((int)a, (const char *)b, (int)c, (const char *)d, (int)e))                \
    CALL(SYS_symlinkat, tw_symlinkat((const char *)a, (int)b, (const char *)c))                          \
    CALL(SYS_mkdirat, tw_mkdirat((int)a, (const char *)b, (mode_t)c))                                    \
    CALL(SYS_mknodat, tw_mknodat((int)a, (const char *)b, (mode_t)c, (dev_t)d))                          \
    CALL(SYS_truncate, tw_truncate((const char *)a, (off_t)b))                                           \
    CALL(SYS_fchmod, tw_fchmod((int)a, (mode_t)b))                                                       \
    CALL(SYS_fchmodat, tw_fchmodat((int)a, (const char *)b, (mode_t)c, 0))                               \
    CALL(SYS_fchmodat2, tw_fchmodat2((int)a, (const char *)b, (mode_t)c, (int)d))                        \
    CALL(SYS_fchown, tw_fchown((int)a, (uid_t)b, (gid_t)c))                                              \
    CALL(SYS_fchownat, tw_fchownat((int)a, (const char *)b, (uid_t)c, (gid_t)d, (int)e))                 \
    CALL(SYS_close, tw_close((int)a))                                                                    \
    CALL(SYS_dup3, tw_dup3((int)a, (int)b, (int)c))                                                      \
    CALL(SYS_close_range, tw_close_range((unsigned)a, (unsigned)b, (int)c))

#define NETWORK(CALL)                                                                                  \
    CALL(SYS_connect, tw_connect((int)a, (const struct sockaddr *)b, (socklen_t)c))                    \
    CALL(SYS_bind, tw_bind((int)a, (const struct sockaddr *)b, (socklen_t)c))                          \
    CALL(SYS_listen, tw_listen((int)a, (int)b))                                                        \
    CALL(SYS_setsockopt, tw_setsockopt((int)a, (int)b, (int)c, (const void *)d, (socklen_t)e))         \
    CALL(SYS_sendto, tw_sendto((int)a, (const void *)b, (size_t)c, (int)d, (const struct sockaddr *)e, \
                               (socklen_t)f))                                                          \
    CALL(SYS_sendmsg, tw_sendmsg((int)a, (const struct msghdr *)b, (int)c))                            \
    CALL(SYS_sendmmsg, tw_sendmmsg((int)a, (struct mmsghdr *)b, (unsigned)c, (int)d))                  \
    CALL(SYS_write, tw_write((int)a, (const void *)b, (size_t)c))                                      \
    CALL(SYS_writev, tw_writev((int)a, (const struct iovec *)b, (int)c))                               \
    CALL(SYS_pwritev2, tw_pwritev2((int)a, (const struct iovec *)b, (int)c, (off_t)d, (int)f))         \
    CALL(SYS_sendfile, tw_sendfile((int)a, (int)b, (off_t *)c, (size_t)d))                             \
    CALL(SYS_splice, tw_splice((int)a, (off_t *)b, (int)c, (off_t *)d, (size_t)e, (unsigned)f))

#ifdef SYS_renameat
#define RENAMEAT(CALL) CALL(SYS_renameat, tw_renameat((int)a, (const char *)b, (int)c, (const char *)d))
#else
#define RENAMEAT(CALL)
#endif

/* Calls that only older machines have. */
#ifdef SYS_open
#define OLDER(CALL)                                                 \
    CALL(SYS_open, tw_open((const char *)a, (int)b, (mode_t)c))     \
    CALL(SYS_dup2, tw_dup2((int)a, (int)b))                         \
    CALL(SYS_creat, tw_creat((const char *)a, (mode_t)b))           \
    CALL(SYS_unlink, tw_unlink((const char *)a))                    \
    CALL(SYS_rmdir, tw_rmdir((const char *)a))                      \
    CALL(SYS_rename, tw_rename((const char *)a, (const char *)b))   \
    CALL(SYS_link, tw_link((const char *)a, (const char *)b))       \
    CALL(SYS_symlink, tw_symlink((const char *)a, (const char *)b)) \
    CALL(SYS_mkdir, tw_mkdir((const char *)a, (mode_t)b))           \
    CALL(SYS_mknod, tw_mknod((const char *)a, (mode_t)b, (dev_t)c)) \
    CALL(SYS_chmod, tw_chmod((const char *)a, (mode_t)b))           \
    CALL(SYS_chown, tw_chown((const char *)a, (uid_t)b, (gid_t)c))  \
    CALL(SYS_lchown, tw_lchown((const char *)a, (uid_t)b, (gid_t)c))
#else
#define OLDER(CALL)
#endif

#define JUDGED(CALL) COMMON(CALL) NETWORK(CALL) RENAMEAT(CALL) OLDER(CALL)

#define CASE(number, call) \
    case number:           \
        return call;
#define LABEL(number, call) case number:

/* The agent's own matters: these go to the kernel as they are, or not at all. */
#define BARE_LABEL(number) case number:

static __attribute__((noinline)) long judged(long number, long a, long b, long c, long d, long e, long f)
{
    switch (number) {
        JUDGED(CASE)
        TW_REACH_NUMBERS(BARE_LABEL)
        return tw_agent_reach_denied(number) ? -1 : TW_REAL(syscall, tw_syscall_function)(number, a, b, c, d, e, f);
        TW_PAGES_NUMBERS(BARE_LABEL)
        if (tw_agent_pages_denied(number, a, b, c, d, e))
            return -1;
        __attribute__((fallthrough));
    default:
        return TW_REAL(syscall, tw_syscall_function)(number, a, b, c, d, e, f);
    }
}

/* All arguments travel in registers and one stack slot, whether or not the caller gave them: passing on seven is
 * what libc's own function does. A jump for all other calls: nothing is left on the stack behind it. */
long tw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    switch (number) {
        JUDGED(LABEL)
        TW_REACH_NUMBERS(BARE_LABEL)
        TW_PAGES_NUMBERS(BARE_LABEL)
        __attribute__((musttail)) return judged(number, a, b, c, d, e, f);
    default:
        __attribute__((musttail)) return TW_REAL(syscall, tw_syscall_function)(number, a, b, c, d, e, f);
    }
}
