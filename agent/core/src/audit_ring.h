/* The part of room "audit" that holds the lines: which process writes which line, which are repeats, how often. Shared
 * by the runtime, its children and the programs that they become. Safe where the room is. */
#ifndef TW_AUDIT_RING_H
#define TW_AUDIT_RING_H

#include "audit.h"
#include "text.h"

#include <stdatomic.h>
#include <stdint.h>

enum tw_slot_state { TW_SLOT_EMPTY, TW_SLOT_WRITING, TW_SLOT_PENDING, TW_SLOT_WRITTEN };

struct tw_slot {
    _Atomic unsigned state;
    /* How often it happened in this invocation; the line itself says 1. The upper half is the key's, so that nobody
     * counts what has become another's. */
    _Atomic uint64_t tally;
    _Atomic unsigned long key;
    pid_t process;
    size_t length;
    char line[TW_AUDIT_LINE];
};

/* Takes the memory; that of the runtime in a program that it started, where it can be reached, else of this program's
 * own: then lines that it can't write are lost. Returns false when there is none. */
bool tw_ring_open(const struct tw_parent *parent);

/* False before tw_ring_open, too. */
bool tw_ring_is_open(void);

/* A flag for the section dns, in the memory that the runtime, its children and programs share. */
atomic_bool *tw_ring_dns_flag(void);

/* A program that the runtime started has invocations of the runtime, not of its own. */
bool tw_ring_is_runtimes_own(void);

/* Counts a repeat of what this invocation has a line of already. Returns false when it has none. */
bool tw_ring_is_repeat(unsigned long key);

/* The next place, for this process to write a line in that nobody has begun; the line is finished by tw_ring_emit. */
struct tw_slot *tw_ring_take(unsigned long key);
void tw_ring_emit(struct tw_slot *slot, size_t length);

/* Writes what children left; only the main process can be sure of its descriptor. */
void tw_ring_emit_pending(void);

/* An invocation begins; one ends, and what was repeated in it is written once more, with the number of its repeats: the
 * counts of all lines add up. */
void tw_ring_begin(void);
void tw_ring_end(void);

#endif
