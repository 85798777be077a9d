/* The stderr that the environment began with, kept under a number of our own: the function may close or redirect its
 * descriptor. Safe in signal handlers and in the child of a vfork. */
#ifndef TW_ERROR_STREAM_H
#define TW_ERROR_STREAM_H

#include "parent.h"

/* Takes the duplicate; `main_process` is whose it is. */
void tw_error_stream_open(pid_t main_process);

/* In a program that the runtime started: writes to the runtime's, and not to what the program has for a stderr, unless
 * that is the same. */
void tw_error_stream_follow(const struct tw_parent *parent);

/* What a program has to know for that. */
void tw_error_stream_describe(struct tw_parent *parent);

/* The main process is about to be ended: it will not write over lines that others append to its file any more. */
void tw_error_stream_end(void);


/* One write. Returns false when this process can't reach the stream: then its parent has to write. */
bool tw_error_stream_write(const char *line, size_t length);

/* The kernel's answer: glibc before 2.25 remembers the parent's number in the child of a vfork. */
pid_t tw_process_id(void);

#endif
