/* Descriptors that hold what was judged until it is used. All threads share the table of descriptors: while one is held,
 * no call of another thread may put something else in its place. */
#ifndef TW_PINS_H
#define TW_PINS_H

#include <dirent.h>
#include <stdio.h>

/* Holds a descriptor that was just opened, and moves it out of the way: calls give the lowest free number, and callers
 * count on it. Not for files that may be locked: closing any descriptor of a file gives up the locks on it. What it is has to be found out after this call.
 * Returns -1 with errno set, and closes it, where it can't be held. -1 stays -1. */
int tw_pin(int descriptor);

/* Lets go of it, and closes it. Keeps errno; -1 is nothing. */
void tw_unpin(int descriptor);

/* Has the child of a fork forget what other threads held. */
void tw_pins_start(void);

/* The hooks of the calls that put something in the place of a descriptor, or make room for it. For a program, the number
 * that is held is a free one: closing it fails with EBADF, taking it with EBUSY, as
 * Linux has it for numbers that another call is about to use; but first both wait for it to be let go. */
int tw_close(int descriptor);
int tw_dup2(int from, int to);
int tw_dup3(int from, int to, int flags);
int tw_close_range(unsigned first, unsigned last, int flags);
void tw_closefrom(int first);
int tw_closedir(DIR *folder);
int tw_fclose(FILE *file);

#endif
