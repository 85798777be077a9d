#define _GNU_SOURCE
#include "by_number.h"

#include "process_calls.h"

#include <sys/syscall.h>

static __attribute__((noinline)) long judged(long number, const long *at)
{
    switch (number) {
    case SYS_execve:
        return tw_execve((const char *)at[0], (char *const *)at[1], (char *const *)at[2]);
    case SYS_execveat:
        return tw_execveat((int)at[0], (const char *)at[1], (char *const *)at[2], (char *const *)at[3], (int)at[4]);
    default:
        return TW_REAL(syscall, tw_syscall_function)(number, at[0], at[1], at[2], at[3], at[4], at[5]);
    }
}

static __attribute__((noinline)) long collect(long number, long a, long b, long c, long d, long e, long f)
{
    const long arguments[] = {a, b, c, d, e, f};

    return judged(number, arguments);
}

/* All arguments travel in registers and one stack slot, whether or not the caller gave them: passing on seven is
 * what libc's own function does. A jump for all other calls: nothing is left on the stack behind it. */
long tw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    switch (number) {
    case SYS_execve:
    case SYS_execveat:
        __attribute__((musttail)) return collect(number, a, b, c, d, e, f);
    default:
        __attribute__((musttail)) return TW_REAL(syscall, tw_syscall_function)(number, a, b, c, d, e, f);
    }
}
