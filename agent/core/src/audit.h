/* Room "audit": one JSON line for each thing that the policy stopped or would have stopped. Judges nothing.
 *
 * Safe in signal handlers and in the child of a vfork: no locks, no allocation, no stdio. Lines lie in memory that
 * parent and children share, so that what a child can't write itself is written by its parent. */
#ifndef TW_AUDIT_H
#define TW_AUDIT_H

#include "judge.h"
#include "parent.h"

enum {
    TW_AUDIT_LINE = 4096,
    TW_AUDIT_RING = 64,
    TW_AUDIT_PATH = 512,
    TW_AUDIT_COMMAND = 1024,
    TW_AUDIT_TEXT = 256,
    TW_AUDIT_REQUEST = 128,
};

/* What stands in every line. Strings are copied. */
struct tw_audit_identity {
    const char *function, *region, *provider, *rule, *runtime;
};

/* Takes a duplicate of stderr and the memory for the ring; in a program that the runtime started, `parent` and the
 * request's id say whose, else they are NULL. Returns false when there is no memory. */
bool tw_audit_open(const struct tw_audit_identity *identity, const struct tw_parent *parent, const char *request);

/* What programs have to know: where the ring is, and for which request they run. */
struct tw_remote tw_audit_ring(void);
void tw_audit_request(char output[TW_AUDIT_REQUEST]);

/* The environment's first line: version, rule, the sections' effects, kernel lock. */
void tw_audit_first_line(const char *message, const struct tw_policy *policy, const char *lock);

/* A line that is no audit, such as a policy made for another function. */
void tw_audit_notice(const char *message);

enum tw_audit_type { TW_AUDIT_PROCESSES, TW_AUDIT_NETWORK, TW_AUDIT_FILESYSTEM };

/* A field of one type of audit; left out when the value is NULL. */
struct tw_detail {
    const char *key, *value;
    size_t most;    /* so many bytes are shown */
    bool is_number; /* the value is digits alone */
};

/* One thing that was denied, or would have been. Repeats within an invocation, which are those whose attack, effect and
 * details are the same, are only counted. */
void tw_audit(enum tw_audit_type type, const struct tw_verdict *verdict, const struct tw_detail *details, size_t count);

/* Somebody changed the agent itself, or tried to: its hooks, its policy, its memory. */
void tw_audit_tampering(const char *what, enum tw_effect effect);

/* The environment is about to be ended: writes what others left to the main process. */
void tw_audit_last(void);

void tw_audit_invocation_begin(const char *request_id);
void tw_audit_invocation_end(void);

size_t tw_audit_drain(char *buffer, size_t size);

/* Command lines without what looks like a secret. Returns the length written, at most `size`. */
size_t tw_scrub(const char *const *argv, char *output, size_t size);

#endif
