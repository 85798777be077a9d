/* Puts hooks where calls are resolved: into the C library's own table of symbols, so that whatever is linked or
 * looked up from then on gets the hook, constructors of later objects included; and into the pointers of objects
 * that were linked before. Remembers the places, so that a later look tells whether somebody took a hook out. */
#ifndef TW_ELF_HOOKS_H
#define TW_ELF_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

struct link_map;

struct tw_hook {
    const char *name;
    void *hook;
};

/* Returns false when there is no C library with a function of the table, or its table can't be changed. */
bool tw_elf_hook(const struct tw_hook *table, size_t count);

/* Looks whether objects came or went, or hooks are missing, and hooks again. Returns whether hooks were missing. */
bool tw_elf_refresh(const struct tw_hook *table, size_t count);

/* Hooks all objects of another namespace; `map` is any of them. */
void tw_elf_hook_namespace(struct link_map *map, const struct tw_hook *table, size_t count);

#endif
