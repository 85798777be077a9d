/* The hook of `syscall`: calls by their number go the same way as those by name. */
#ifndef TW_BY_NUMBER_H
#define TW_BY_NUMBER_H

#include "hooks.h"

typedef long tw_syscall_function(long, long, long, long, long, long, long);

long tw_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
