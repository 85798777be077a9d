/* What an ELF program is made for: whether the dynamic linker that will load it is the one of this process. Starts
 * nothing. */
#ifndef TW_PROGRAM_KIND_H
#define TW_PROGRAM_KIND_H

#include <stdbool.h>
#include <stddef.h>

/* To be called once at the start. */
void tw_program_note_loader(void);

/* Whether the program can't load this library: it is made for another machine, or for another C library. `head` is the
 * start of the file. A program without a dynamic linker is none of these: what it starts may be loaded by one, and the
 * linker itself is such a program. */
bool tw_program_is_foreign(int descriptor, const char *head, size_t length);

#endif
