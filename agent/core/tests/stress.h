/* What the stress program and its library of calls share. */
#ifndef TW_STRESS_H
#define TW_STRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

enum stress_kind { STRESS_ALLOWED, STRESS_PROCESSES, STRESS_NETWORK, STRESS_FILESYSTEM, STRESS_KINDS };

/* Where calls go: `folder` holds file, secret/file, allowed (a program that returns 7), denied (one that makes ran) and
 * later.so; something accepts connections at the port of 127.0.0.1. */
struct stress_place {
    char folder[256];
    uint16_t port;
};

struct stress_call {
    const char *name;
    enum stress_kind kind;   /* what the policy denies it by, if so */
    bool in_handlers;        /* a signal handler may do it too */
    bool is_slow;            /* starts a process or loads an object */
    bool in_children;        /* so may the child of a threaded process: libc's locks may be held */
    /* Makes the call; returns whether it came out as it must: refused the way this call reports it, or with the very
     * result that it has without the agent. */
    bool (*call)(const struct stress_place *place);
};

extern const struct stress_call stress_calls[];
extern const size_t stress_call_count;

#endif
