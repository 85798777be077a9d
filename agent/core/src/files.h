/* Room "files": which file a call means, and what the section "filesystem" says of it. Facts stand in file_names.c and
 * file_find.c, opening in file_open.c, the verdict in file_verdict.c; the hooks that ask stand in open_calls.c,
 * folder_calls.c, entry_calls.c and change_calls.c. Safe in signal handlers and in the child of a vfork. */
#ifndef TW_FILES_H
#define TW_FILES_H

#include "policy.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* What the section does about what it denies. */
enum tw_files { TW_FILES_UNJUDGED, TW_FILES_WATCHED /* alert: calls go on untouched */, TW_FILES_ENFORCED };
enum tw_files tw_files_state(void);

/* What a path means if none of its parts is a link: absolute, without ".", ".." and repeated slashes. `base` is what a
 * relative path starts from. Returns false when it does not fit into `size` bytes. */
bool tw_path_lexical(const char *base, const char *path, char *output, size_t size);

/* "/proc/thread-self/fd/<n>", by which an open file can be named: a thread may have descriptors of its own. */
enum { TW_DESCRIPTOR_LINK = 32 };
void tw_descriptor_link(int descriptor, char output[TW_DESCRIPTOR_LINK]);

/* The real path of an open file, "/proc/self/..." for one of this process's own; without a slash in front where it has
 * none, as a pipe. Returns false when it can't be found out. */
bool tw_descriptor_path(int descriptor, char output[PATH_MAX]);

/* A file that is there. */
struct tw_file {
    int descriptor; /* pins it (O_PATH), to be closed by the caller */
    bool is_named;
    char path[PATH_MAX]; /* real; as given where `is_named` is false */
};

/* How a path is to be looked up. */
struct tw_lookup {
    int folder; /* AT_FDCWD, or what a relative path starts from */
    const char *path;
    uint64_t resolve; /* RESOLVE_... of openat2, when the caller gave some */
};

/* Whether a look failed since the process has no room for it: that says nothing about the file. */
static inline bool tw_is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* The path as it is written, from the root on: for audits, where the kernel does not tell. */
void tw_path_guess(const struct tw_lookup *lookup, char output[PATH_MAX]);

/* Finds what `lookup` leads to; `flags` may have O_NOFOLLOW and O_DIRECTORY. Returns false with the kernel's errno. */
bool tw_file_find(const struct tw_lookup *lookup, int flags, struct tw_file *file);

/* The same for a file that is open already. */
bool tw_file_by_descriptor(int descriptor, struct tw_file *file);

/* A name in a folder, which may be free. */
struct tw_entry {
    int folder; /* pins the folder, to be closed by the caller */
    bool is_named;
    char last[NAME_MAX + 2]; /* the name, with a slash behind it if the caller wrote one */
    char path[PATH_MAX];     /* real path of the folder, and the name */
};

/* Finds the folder that the last part of a path lies in; a link in the last part is not followed. Returns false with
 * the kernel's errno. */
bool tw_entry_find(const struct tw_lookup *lookup, struct tw_entry *entry);

/* Judges, audits, ends the environment if it blocks. Returns whether the call must fail, with errno set to EACCES.
 * `is_named` false: the path is a guess. */
bool tw_file_denied(const char *path, bool is_named, bool reads_only);

/* The same for a file that is there, which may have other names as well (hard links). */
bool tw_found_denied(const struct tw_file *file, bool reads_only);

/* The same for what could not be found, as errno says: where that only means that there is no descriptor free to look
 * with, it may be any file. Else errno is kept, and the kernel will say so too. */
bool tw_unfound_denied(const struct tw_lookup *lookup);

/* The same for a folder that is read with all below it. */
bool tw_walk_denied(const struct tw_file *file);

/* The same for a name that is made, or for one that is taken away. Where the kernel would refuse it anyway, the call
 * must fail with the kernel's reason, and there is no audit; a name that is taken is no reason where it may be
 * `replaced`. */
bool tw_entry_making_denied(const struct tw_entry *entry, bool replaced);
bool tw_entry_taking_denied(const struct tw_entry *entry, bool with_all_below);

/* The verdict on a name alone: no audit. */
bool tw_entry_is_allowed(const struct tw_entry *entry, bool with_all_below);

/* The entry of the deny list that is the same file under another name, or may be where there is no descriptor free to
 * look; NULL when there is none, or it would take too long to find. */
const char *tw_linked_entry(const struct tw_list *deny, int descriptor);

/* open, openat, openat2: `mode` and `resolve` are 0 where not given. */
int tw_file_open(const struct tw_lookup *lookup, int flags, mode_t mode);

/* Judges what is to be opened through tw_descriptor_link, and makes it if that is asked for. Returns a descriptor that
 * pins it, or -1. Only for sections that are enforced. */
int tw_file_pin(const struct tw_lookup *lookup, int flags, mode_t mode);

/* Judges, without opening it, what is opened otherwise. Returns whether the call must fail, with errno set; errno is
 * kept when not. Under "alert" it never must. */
bool tw_file_open_denied(const struct tw_lookup *lookup, int flags);

/* Whether the kernel would refuse the address as one where nothing can lie: then it is not to be read. */
static inline bool tw_is_no_address(const void *pointer)
{
    return (uintptr_t)pointer < 4096;
}

/* What may be read without being allowed, and the real paths of entries that are links, put into the policy's
 * memory. */
bool tw_files_prepare(struct tw_filesystem *section, struct tw_arena *arena, const char *folder, const char *readable);

#endif
