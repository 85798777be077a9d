#define _GNU_SOURCE
#include "lock.h"

#include "lock_filter.h"
#include "rings.h"
#include "sealed.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in every libc's headers. */
#ifndef PR_SET_NO_NEW_PRIVS
#define PR_SET_NO_NEW_PRIVS 38
#endif

#if defined(__x86_64__)
enum { MACHINE = TW_X86_64, SECCOMP = 317 };
#else
enum { MACHINE = TW_AARCH64, SECCOMP = 277 };
#endif

enum { SPECULATION_AS_IT_IS = 1 << 2 }; /* SECCOMP_FILTER_FLAG_SPEC_ALLOW */

TW_SEALED static bool refuses_programs;

int tw_lock_true_error(int folder, const char *path, int error)
{
    int before = errno;

    if (refuses_programs && error == EACCES && faccessat(folder, path, X_OK, AT_EACCESS) != 0)
        error = errno;
    errno = before;
    return error;
}

/* Whether a parent's core locked us already, with the same wishes. */
static bool is_locked(unsigned wishes)
{
    return syscall(TW_LOCK_MARK_NUMBER) == -1 && errno == (int)(TW_LOCK_MARK + wishes);
}

/* The flags to install with, or -1 and errno where filters are not let in. Asked before anything is changed, and by the
 * very call that will be made, since platforms refuse it in many ways: then the first complaint is that this is no
 * address. Before Linux 5.16 a filter also slows the process down against speculation, by several percent, unless told
 * not to; our filter keeps no secret from the process. Before 4.17 neither the flag nor the slowing down is known. */
static long possible_flags(void)
{
    static const unsigned flags[] = {SECCOMP_FILTER_FLAG_TSYNC | SPECULATION_AS_IT_IS, SECCOMP_FILTER_FLAG_TSYNC};

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (syscall(SECCOMP, SECCOMP_SET_MODE_FILTER, flags[i], NULL) == -1 && errno == EFAULT)
            return (long)flags[i];
    return -1;
}

/* 0, or -1 with errno. Who is not privileged has to give up gaining privileges by setuid programs; who is does not, and
 * is left as it was. */
static long install(unsigned flags, const struct sock_fprog *program)
{
    long result = syscall(SECCOMP, SECCOMP_SET_MODE_FILTER, flags, program);

    if (result == -1 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        result = syscall(SECCOMP, SECCOMP_SET_MODE_FILTER, flags, program);
    return result;
}

static const char *refused(int error)
{
    static char state[64];
    struct tw_text text = {.start = state, .size = sizeof state - 1};

    tw_text_add(&text, "refused: ");
    tw_text_add(&text, strerror(error));
    state[text.length] = '\0';
    return state;
}

static const char *lock(const struct sock_fprog *program)
{
    long flags = possible_flags();

    if (flags == -1)
        return refused(errno);
    long result = install((unsigned)flags, program);

    if (result == 0)
        return "on";
    /* The number of a thread that has filters which the others lack: that one keeps its own. */
    if (result > 0 && install((unsigned)flags & ~SECCOMP_FILTER_FLAG_TSYNC, program) == 0)
        return "on for new threads";
    return refused(errno);
}

const char *tw_lock_install(const struct tw_policy *policy)
{
    unsigned wishes = tw_lock_wishes(policy);
    struct sock_filter instructions[TW_LOCK_INSTRUCTIONS];

    if (wishes == TW_LOCK_NOTHING)
        return "off";
    if (tw_rings_found() == TW_RINGS_NONE)
        wishes |= TW_LOCK_RINGS;
    struct sock_fprog program = {
        .len = (unsigned short)tw_lock_filter(MACHINE, wishes, instructions),
        .filter = instructions,
    };
    const char *state = is_locked(wishes) ? "on" : lock(&program);

    refuses_programs = (wishes & TW_LOCK_PROGRAMS) != 0 && state[1] == 'n';
    return state;
}
