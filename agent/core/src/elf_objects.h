/* The loaded ELF objects: pointers to functions that the dynamic linker filled in, and how to change them. */
#ifndef TW_ELF_OBJECTS_H
#define TW_ELF_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

struct tw_hook {
    const char *name;
    void *hook;
    void *real; /* libc's own, filled in at start; NULL where this libc has no such function */
};

/* Makes every loaded object call the hooks, ourselves and the dynamic linker excepted. Objects that are hooked
 * already are left as they are. Returns how many pointers were changed. */
size_t tw_hook_objects(const struct tw_hook *table, size_t count);

/* Whether objects were loaded or unloaded since tw_hook_objects ran last. */
bool tw_objects_changed(void);

/* The folders in which the object that holds `address` looks for libraries (DT_RUNPATH or DT_RPATH), $ORIGIN filled
 * in, tried one after the other: the first file `name` there is put into `output`. */
bool tw_runpath_find(const void *address, const char *name, char *output, size_t size);

#endif
