/* The hooks of the calls that open, make, change and take away files: libc's functions with the same types and the same
 * failures. */
#ifndef TW_FILE_CALLS_H
#define TW_FILE_CALLS_H

#include "hooks.h"

#include <dirent.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

struct tw_how;

/* open_calls.c */
int tw_open(const char *path, int flags, ...);
int tw_openat(int folder, const char *path, int flags, ...);
int tw_open_2(const char *path, int flags);
int tw_openat_2(int folder, const char *path, int flags);
int tw_openat2(int folder, const char *path, const struct tw_how *how, size_t size);
int tw_creat(const char *path, mode_t mode);

/* stream_calls.c */
FILE *tw_fopen(const char *path, const char *mode);
FILE *tw_freopen(const char *path, const char *mode, FILE *stream);
FILE *tw_setmntent(const char *path, const char *mode);
FILE *tw_io_file_fopen(FILE *stream, const char *path, const char *mode, int is_32);
FILE *tw_io_file_open(FILE *stream, const char *path, int flags, int mode, int kind, int is_32);

/* later_calls.c */
int tw_addopen(posix_spawn_file_actions_t *actions, int descriptor, const char *path, int flags, mode_t mode);
int tw_shm_open(const char *name, int flags, mode_t mode);
int tw_shm_unlink(const char *name);
sem_t *tw_sem_open(const char *name, int flags, mode_t mode, unsigned value);
int tw_sem_unlink(const char *name);
int tw_utmpname(const char *path);
void tw_updwtmp(const char *path, const void *record);
FILE *tw_nss_fopen(const char *path);
FTS *tw_fts_open(char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **));

/* Judges without opening what somebody else will open by this path. Returns whether the call must fail, with errno
 * set. */
bool tw_later_denied(const char *path, int flags);

/* folder_calls.c */

/* A walk goes down by itself: what is denied below its start denies it. Returns whether it must fail, with errno
 * set. */
bool tw_path_walk_denied(const char *path);

DIR *tw_opendir(const char *path);
int tw_scandir(const char *path, struct dirent ***names, int (*filter)(const struct dirent *),
               int (*compare)(const struct dirent **, const struct dirent **));
int tw_scandirat(int folder, const char *path, struct dirent ***names, int (*filter)(const struct dirent *),
                 int (*compare)(const struct dirent **, const struct dirent **));
int tw_glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *found);
int tw_ftw(const char *path, __ftw_func_t function, int descriptors);
int tw_nftw(const char *path, __nftw_func_t function, int descriptors, int flags);
int tw_mkstemp(char *template);
int tw_mkostemp(char *template, int flags);
int tw_mkstemps(char *template, int suffix);
int tw_mkostemps(char *template, int suffix, int flags);
char *tw_mkdtemp(char *template);
FILE *tw_tmpfile(void);

/* entry_calls.c */
int tw_unlink(const char *path);
int tw_unlinkat(int folder, const char *path, int flags);
int tw_remove(const char *path);
int tw_rmdir(const char *path);
int tw_rename(const char *from, const char *to);
int tw_renameat(int from_folder, const char *from, int to_folder, const char *to);
int tw_renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags);
int tw_link(const char *from, const char *to);
int tw_linkat(int from_folder, const char *from, int to_folder, const char *to, int flags);
int tw_symlink(const char *target, const char *path);
int tw_symlinkat(const char *target, int folder, const char *path);
int tw_mkdir(const char *path, mode_t mode);
int tw_mkdirat(int folder, const char *path, mode_t mode);
int tw_mknod(const char *path, mode_t mode, dev_t device);
int tw_mknodat(int folder, const char *path, mode_t mode, dev_t device);
int tw_xmknod(int version, const char *path, mode_t mode, dev_t *device);
int tw_xmknodat(int version, int folder, const char *path, mode_t mode, dev_t *device);
int tw_mkfifo(const char *path, mode_t mode);
int tw_mkfifoat(int folder, const char *path, mode_t mode);

/* change_calls.c */
int tw_truncate(const char *path, off_t size);
int tw_chmod(const char *path, mode_t mode);
int tw_lchmod(const char *path, mode_t mode);
int tw_fchmod(int descriptor, mode_t mode);
int tw_fchmodat(int folder, const char *path, mode_t mode, int flags);
int tw_fchmodat2(int folder, const char *path, mode_t mode, int flags);
int tw_chown(const char *path, uid_t owner, gid_t group);
int tw_lchown(const char *path, uid_t owner, gid_t group);
int tw_fchown(int descriptor, uid_t owner, gid_t group);
int tw_fchownat(int folder, const char *path, uid_t owner, gid_t group, int flags);

/* A Unix socket that is made (bind), or connected or sent to; not one without a path. Return whether the call must fail,
 * with errno set. What is used is held by `*pin` (pins.h) where the section is enforced: the call has to go there. Else
 * that is -1. */
bool tw_socket_making_denied(const struct sockaddr_un *address, socklen_t size);
bool tw_socket_use_denied(const struct sockaddr_un *address, socklen_t size, int *pin);

#endif
