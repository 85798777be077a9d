/* The process that the core was started in first: the runtime. Its children may outlive it, and its number may then be
 * another's. Safe in the child of a vfork. */
#ifndef TW_MAIN_PROCESS_H
#define TW_MAIN_PROCESS_H

#include <sys/types.h>

/* When a process started, in the kernel's ticks since boot (proc(5), stat's field 22); 0 when that can't be read. */
unsigned long long tw_process_start(pid_t process);

/* To be called in it, before it has children. */
void tw_main_process_note(void);

/* In a program that it started: which process it is. */
void tw_main_process_follow(pid_t process, unsigned long long start);

/* Kills it from one of its children; does nothing in the process itself, or when it has ended. */
void tw_main_process_end(void);

#endif
