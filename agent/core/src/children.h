/* Room "children": a program that is allowed to start runs under the same policy. Its environment gets this library and
 * what the core there needs: LD_PRELOAD, TW_POLICY, TW_PARENT. What they say is kept in read-only memory from the start
 * on; what the caller wrote under these names counts for nothing, but for libraries that are to be loaded before. */
#ifndef TW_CHILDREN_H
#define TW_CHILDREN_H

#include "defender.h"
#include "parent.h"

/* What becomes of a program that is about to start. */
enum tw_fate {
    TW_FATE_DENIED,
    TW_FATE_ABSENT, /* the kernel would refuse it, as errno says; by the time that it looks it might not */
    TW_FATE_FOREIGN, /* it can't load this library: another machine's, or another C library's */
    TW_FATE_FOLLOWED,
};

/* To be called once at the start, before calls are hooked. `parent` is NULL in the runtime itself. `policy` is
 * TW_POLICY, and NULL or empty where the policy is the baked one. Returns NULL, or why programs that are started run
 * unjudged. */
const char *tw_children_prepare(const struct tw_parent *parent, const struct tw_options *options);

/* Whether the library that a program would load is gone from its place: the program would run unjudged. */
bool tw_children_lost(void);

/* An environment for a program: the caller's entries with ours instead of those under our names. It lies on the stack
 * of the hook, since the child of a vfork has no other memory of its own. */
struct tw_environment_size {
    bool untouched; /* the caller's own array is given on */
    size_t entries, preload, parent; /* pointers and bytes */
};
enum { TW_ENVIRONMENT_ENTRIES = 16 * 1024 };

struct tw_environment_size tw_environment_measure(char *const envp[], enum tw_fate fate);

/* NULL when it is too large for that, and something is to be stopped: then the call has to fail with E2BIG, as it does
 * when it is too large for the kernel. */
char *const *tw_environment_make(char *const envp[], enum tw_fate fate, const struct tw_environment_size *size,
                                 void *memory);

#define TW_ENVIRONMENT_BYTES(size) ((size).entries * sizeof(char *) + (size).preload + (size).parent)

/* In a function: `made` is an environment for a program. */
#define TW_ENVIRONMENT(made, envp, fate)                                                             \
    struct tw_environment_size made##_size = tw_environment_measure(envp, fate);                     \
    char *made##_memory[TW_ENVIRONMENT_BYTES(made##_size) / sizeof(char *) + 1];                     \
    char *const *made = tw_environment_make(envp, fate, &made##_size, made##_memory)

/* Puts the entries into this process's own environment, for calls of libc's that start a shell with that. */
void tw_environment_mark_own(void);

/* Variables that the core reads when it starts: a program's core has to see the runtime's. Ends in NULL. */
extern const char *const tw_children_variables[];

/* `entry` is that of variable `name`. */
bool tw_environment_names(const char *entry, const char *name);

/* The last one of a name, which is what the dynamic linker takes; NULL: there is none. */
const char *tw_environment_last(char *const envp[], const char *name);

/* Walks through a list of libraries as the dynamic linker does. Returns the length of the next name, 0 at the end;
 * `*at` is moved to its start. */
size_t tw_preload_next(const char **at);

#endif
