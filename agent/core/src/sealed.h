/* Variables that decide what is enforced: written while the core starts, and closed pages from then on, so that it
 * takes more than a stray or a purposeful write to memory to change them. */
#ifndef TW_SEALED_H
#define TW_SEALED_H

#include <stdbool.h>

/* Puts a variable among the data that the dynamic linker closes when it has relocated it (RELRO). */
#define TW_SEALED __attribute__((section(".data.rel.ro")))

/* Opens them for writing, or closes them. Returns false when the system refuses. */
bool tw_sealed_open(bool open);

#endif
