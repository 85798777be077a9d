/* The arguments of a call, in memory that no other thread knows: what is judged is what the kernel gets. */
#ifndef TW_ARGUMENTS_H
#define TW_ARGUMENTS_H

#include <stddef.h>

/* They lie on the caller's stack, since the child of a vfork has no other memory of its own. Longer ones are judged
 * where they are. */
enum { TW_ARGUMENTS_LARGEST = 32 * 1024 };

/* How many bytes a copy takes; 0 when there are none, or they are too long. */
size_t tw_arguments_size(char *const argv[]);

/* Copies them to `memory`, which is aligned for pointers. Returns `argv` itself when `size` is 0, and NULL with errno
 * set when they have grown since they were measured. */
char *const *tw_arguments_copy(char *const argv[], void *memory, size_t size);

/* In a function that returns `failure`: `own` is a copy of `argv`. */
#define TW_OWN_ARGUMENTS(own, argv, failure)                                   \
    size_t own##_size = tw_arguments_size(argv);                               \
    char *own##_memory[own##_size / sizeof(char *) + 1];                       \
    char *const *own = tw_arguments_copy(argv, own##_memory, own##_size);      \
                                                                               \
    if (own == NULL && (argv) != NULL)                                         \
        return failure

#endif
