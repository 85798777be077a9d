/* The kernel lock's filter: which calls the kernel itself refuses, as a classic BPF program for seccomp. Pure: machine
 * and wishes in, instructions out. Installing it is lock.c's matter. */
#ifndef TW_LOCK_FILTER_H
#define TW_LOCK_FILTER_H

#include "policy.h"

#include <linux/filter.h>

enum tw_machine { TW_X86_64, TW_AARCH64 };

/* What a policy wants refused: nothing; ways around and into the agent; any program too. And, where the process has
 * none yet, the use of rings: without the ring that Node.js's own loop began with, it would end itself. */
enum { TW_LOCK_NOTHING = 0, TW_LOCK_WAYS_AROUND = 1, TW_LOCK_PROGRAMS = 2, TW_LOCK_RINGS = 4 };

/* No kernel has a call of this number. Under the lock it fails with TW_LOCK_MARK and the wishes as its errno, by which
 * a child's core finds that it is locked already: filters that are installed once more would pile up. */
enum { TW_LOCK_MARK_NUMBER = 0x7477, TW_LOCK_MARK = 0x400 };

/* Room for the longest program. */
enum { TW_LOCK_INSTRUCTIONS = 128 };

unsigned tw_lock_wishes(const struct tw_policy *policy);

/* Returns the number of instructions. */
size_t tw_lock_filter(enum tw_machine machine, unsigned wishes, struct sock_filter program[TW_LOCK_INSTRUCTIONS]);

#endif
