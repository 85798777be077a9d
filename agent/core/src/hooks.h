/* Room "hooks": what was called, with what. A hook gathers facts, asks the judge and acts on the verdict.
 *
 * One table names every hooked call; the functions stand by kind in *_calls.c.
 * Where they are put, in the C library's symbols and in every object's pointers, is elf_hooks.c's matter.
 * What no section of the policy needs is not hooked. */
#ifndef TW_HOOKS_H
#define TW_HOOKS_H

#include "policy.h"

struct link_map;

/* Every hooked name and the function that stands for it. The first word says which sections of the policy need it: P
 * processes, N network, D dns, F filesystem, ANY whatever is enforced. A hook that serves several, or that `syscall`
 * reaches by number, asks itself whether its section is switched on. */
#define TW_COMMON_CALLS(CALL)      \
    CALL(ANY, syscall, tw_syscall) \
    CALL(ANY, dlmopen, tw_dlmopen)

#define TW_PROCESS_CALLS(CALL)                                     \
    CALL(ANY, execve, tw_execve)                                   \
    CALL(ANY, execv, tw_execv)                                     \
    CALL(ANY, execvp, tw_execvp)                                   \
    CALL(ANY, execvpe, tw_execvpe)                                 \
    CALL(ANY, execl, tw_execl)                                     \
    CALL(ANY, execle, tw_execle)                                   \
    CALL(ANY, execlp, tw_execlp)                                   \
    CALL(ANY, execveat, tw_execveat)                               \
    CALL(ANY, fexecve, tw_fexecve)                                 \
    CALL(ANY, posix_spawn, tw_posix_spawn)                         \
    CALL(ANY, posix_spawnp, tw_posix_spawnp)                       \
    CALL(ANY, pidfd_spawn, tw_pidfd_spawn)                         \
    CALL(ANY, pidfd_spawnp, tw_pidfd_spawnp)                       \
    CALL(ANY, posix_spawn_file_actions_addchdir_np, tw_addchdir)   \
    CALL(ANY, posix_spawn_file_actions_addfchdir_np, tw_addfchdir) \
    CALL(ANY, system, tw_system)                                   \
    CALL(ANY, __libc_system, tw_system)                            \
    CALL(ANY, popen, tw_popen)                                     \
    CALL(ANY, _IO_popen, tw_popen)                                 \
    CALL(ANY, _IO_proc_open, tw_proc_open)                         \
    CALL(ANY, wordexp, tw_wordexp)

#define TW_FILE_CALLS(CALL)                                 \
    CALL(ANY, open, tw_open)                                \
    CALL(ANY, open64, tw_open)                              \
    CALL(ANY, __open, tw_open)                              \
    CALL(ANY, __open64, tw_open)                            \
    CALL(ANY, __open_nocancel, tw_open)                     \
    CALL(ANY, __open64_nocancel, tw_open)                   \
    CALL(ANY, __open_2, tw_open_2)                          \
    CALL(ANY, __open64_2, tw_open_2)                        \
    CALL(ANY, openat, tw_openat)                            \
    CALL(ANY, openat64, tw_openat)                          \
    CALL(ANY, __openat_2, tw_openat_2)                      \
    CALL(ANY, __openat64_2, tw_openat_2)                    \
    CALL(ANY, openat2, tw_openat2)                          \
    CALL(ANY, creat, tw_creat)                              \
    CALL(ANY, creat64, tw_creat)                            \
    CALL(ANY, fopen, tw_fopen)                              \
    CALL(ANY, fopen64, tw_fopen)                            \
    CALL(ANY, _IO_fopen, tw_fopen)                          \
    CALL(ANY, freopen, tw_freopen)                          \
    CALL(ANY, freopen64, tw_freopen)                        \
    CALL(ANY, posix_spawn_file_actions_addopen, tw_addopen) \
    CALL(F, shm_open, tw_shm_open)                          \
    CALL(F, shm_unlink, tw_shm_unlink)                      \
    CALL(ANY, setmntent, tw_setmntent)                      \
    CALL(F, sem_open, tw_sem_open)                          \
    CALL(F, sem_unlink, tw_sem_unlink)                      \
    CALL(F, utmpname, tw_utmpname)                          \
    CALL(F, utmpxname, tw_utmpname)                         \
    CALL(F, fts_open, tw_fts_open)                          \
    CALL(F, fts64_open, tw_fts_open)                        \
    CALL(ANY, _IO_file_fopen, tw_io_file_fopen)             \
    CALL(ANY, _IO_file_open, tw_io_file_open)               \
    CALL(F, updwtmp, tw_updwtmp)                            \
    CALL(F, updwtmpx, tw_updwtmp)                           \
    CALL(F, glob, tw_glob)                                  \
    CALL(F, glob64, tw_glob)                                \
    CALL(F, __nss_files_fopen, tw_nss_fopen)                \
    CALL(F, dlopen, tw_dlopen)                              \
    CALL(F, opendir, tw_opendir)                            \
    CALL(F, scandir, tw_scandir)                            \
    CALL(F, scandir64, tw_scandir)                          \
    CALL(F, scandirat, tw_scandirat)                        \
    CALL(F, scandirat64, tw_scandirat)                      \
    CALL(F, ftw, tw_ftw)                                    \
    CALL(F, ftw64, tw_ftw)                                  \
    CALL(F, nftw, tw_nftw)                                  \
    CALL(F, nftw64, tw_nftw)                                \
    CALL(F, mkstemp, tw_mkstemp)                            \
    CALL(F, mkstemp64, tw_mkstemp)                          \
    CALL(F, mkostemp, tw_mkostemp)                          \
    CALL(F, mkostemp64, tw_mkostemp)                        \
    CALL(F, mkstemps, tw_mkstemps)                          \
    CALL(F, mkstemps64, tw_mkstemps)                        \
    CALL(F, mkostemps, tw_mkostemps)                        \
    CALL(F, mkostemps64, tw_mkostemps)                      \
    CALL(F, mkdtemp, tw_mkdtemp)                            \
    CALL(F, tmpfile, tw_tmpfile)                            \
    CALL(F, tmpfile64, tw_tmpfile)                          \
    CALL(F, unlink, tw_unlink)                              \
    CALL(F, unlinkat, tw_unlinkat)                          \
    CALL(F, remove, tw_remove)                              \
    CALL(F, rmdir, tw_rmdir)                                \
    CALL(F, rename, tw_rename)                              \
    CALL(F, renameat, tw_renameat)                          \
    CALL(F, renameat2, tw_renameat2)                        \
    CALL(F, link, tw_link)                                  \
    CALL(F, linkat, tw_linkat)                              \
    CALL(F, symlink, tw_symlink)                            \
    CALL(F, symlinkat, tw_symlinkat)                        \
    CALL(F, mkdir, tw_mkdir)                                \
    CALL(F, mkdirat, tw_mkdirat)                            \
    CALL(F, mknod, tw_mknod)                                \
    CALL(F, mknodat, tw_mknodat)                            \
    CALL(F, __xmknod, tw_xmknod)                            \
    CALL(F, __xmknodat, tw_xmknodat)                        \
    CALL(F, mkfifo, tw_mkfifo)                              \
    CALL(F, mkfifoat, tw_mkfifoat)                          \
    CALL(F, truncate, tw_truncate)                          \
    CALL(F, truncate64, tw_truncate)                        \
    CALL(F, chmod, tw_chmod)                                \
    CALL(F, lchmod, tw_lchmod)                              \
    CALL(F, fchmod, tw_fchmod)                              \
    CALL(F, fchmodat, tw_fchmodat)                          \
    CALL(F, chown, tw_chown)                                \
    CALL(F, lchown, tw_lchown)                              \
    CALL(F, fchown, tw_fchown)                              \
    CALL(F, fchownat, tw_fchownat)                          \
    CALL(F, close, tw_close)                                \
    CALL(F, __close, tw_close)                              \
    CALL(F, dup2, tw_dup2)                                  \
    CALL(F, __dup2, tw_dup2)                                \
    CALL(F, dup3, tw_dup3)                                  \
    CALL(F, close_range, tw_close_range)                    \
    CALL(F, closefrom, tw_closefrom)                        \
    CALL(F, closedir, tw_closedir)                          \
    CALL(F, fclose, tw_fclose)                              \
    CALL(F, _IO_fclose, tw_fclose)

#define TW_NETWORK_CALLS(CALL)               \
    CALL(N | D | F, connect, tw_connect)     \
    CALL(N | D | F, __connect, tw_connect)   \
    CALL(N | F, bind, tw_bind)               \
    CALL(N, listen, tw_listen)               \
    CALL(N, setsockopt, tw_setsockopt)       \
    CALL(N | D | F, sendto, tw_sendto)       \
    CALL(N | D | F, sendmsg, tw_sendmsg)     \
    CALL(N | D | F, __sendmsg, tw_sendmsg)   \
    CALL(N | D | F, sendmmsg, tw_sendmmsg)   \
    CALL(N | D | F, __sendmmsg, tw_sendmmsg) \
    CALL(D, send, tw_send)                   \
    CALL(D, __send, tw_send)                 \
    CALL(D, write, tw_write)                 \
    CALL(D, __write, tw_write)               \
    CALL(D, writev, tw_writev)               \
    CALL(D, pwritev2, tw_pwritev2)           \
    CALL(D, pwritev64v2, tw_pwritev2)        \
    CALL(D, sendfile, tw_sendfile)           \
    CALL(D, sendfile64, tw_sendfile)         \
    CALL(D, splice, tw_splice)

/* Before glibc 2.34 the resolver's calls have the names with two lines in front. */
#define TW_DNS_CALLS(CALL)                             \
    CALL(N | D, getaddrinfo, tw_getaddrinfo)           \
    CALL(D, getaddrinfo_a, tw_getaddrinfo_a)           \
    CALL(N | D, gethostbyname, tw_gethostbyname)       \
    CALL(N | D, gethostbyname2, tw_gethostbyname2)     \
    CALL(N | D, gethostbyname_r, tw_gethostbyname_r)   \
    CALL(N | D, gethostbyname2_r, tw_gethostbyname2_r) \
    CALL(D, getnetbyname, tw_getnetbyname)             \
    CALL(D, getnetbyname_r, tw_getnetbyname_r)         \
    CALL(D, gethostbyaddr, tw_gethostbyaddr)           \
    CALL(D, gethostbyaddr_r, tw_gethostbyaddr_r)       \
    CALL(D, getnameinfo, tw_getnameinfo)               \
    CALL(D, res_query, tw_res_query)                   \
    CALL(D, __res_query, tw_res_query)                 \
    CALL(D, res_search, tw_res_search)                 \
    CALL(D, __res_search, tw_res_search)               \
    CALL(D, res_querydomain, tw_res_querydomain)       \
    CALL(D, __res_querydomain, tw_res_querydomain)     \
    CALL(D, res_nquery, tw_res_nquery)                 \
    CALL(D, __res_nquery, tw_res_nquery)               \
    CALL(D, res_nsearch, tw_res_nsearch)               \
    CALL(D, __res_nsearch, tw_res_nsearch)             \
    CALL(D, res_nquerydomain, tw_res_nquerydomain)     \
    CALL(D, __res_nquerydomain, tw_res_nquerydomain)   \
    CALL(D, res_send, tw_res_send)                     \
    CALL(D, __res_send, tw_res_send)                   \
    CALL(D, res_nsend, tw_res_nsend)                   \
    CALL(D, __res_nsend, tw_res_nsend)

#define TW_AGENT_CALLS(CALL)                           \
    CALL(ANY, ptrace, tw_ptrace)                       \
    CALL(ANY, process_vm_writev, tw_process_vm_writev) \
    CALL(ANY, pidfd_getfd, tw_pidfd_getfd)             \
    CALL(ANY, open_by_handle_at, tw_open_by_handle_at) \
    CALL(ANY, mount, tw_mount)                         \
    CALL(ANY, chroot, tw_chroot)                       \
    CALL(ANY, setns, tw_setns)                         \
    CALL(ANY, open_tree, tw_open_tree)                 \
    CALL(ANY, move_mount, tw_move_mount)               \
    CALL(ANY, fsmount, tw_fsmount)                     \
    CALL(ANY, mmap, tw_mmap)                           \
    CALL(ANY, mmap64, tw_mmap)                         \
    CALL(ANY, __mmap, tw_mmap)                         \
    CALL(ANY, mremap, tw_mremap)                       \
    CALL(ANY, munmap, tw_munmap)                       \
    CALL(ANY, __munmap, tw_munmap)                     \
    CALL(ANY, mprotect, tw_mprotect)                   \
    CALL(ANY, __mprotect, tw_mprotect)                 \
    CALL(ANY, pkey_mprotect, tw_pkey_mprotect)         \
    CALL(ANY, madvise, tw_madvise)                     \
    CALL(ANY, __madvise, tw_madvise)                   \
    CALL(ANY, process_madvise, tw_process_madvise)     \
    CALL(ANY, remap_file_pages, tw_remap_file_pages)   \
    CALL(ANY, shmat, tw_shmat)

#define TW_CALLS(CALL)                                                                                         \
    TW_COMMON_CALLS(CALL) TW_PROCESS_CALLS(CALL) TW_FILE_CALLS(CALL) TW_NETWORK_CALLS(CALL) TW_DNS_CALLS(CALL) \
    TW_AGENT_CALLS(CALL)

#define TW_CALL_NUMBER(need, name, hook) TW_CALL_##name,
enum tw_call { TW_CALLS(TW_CALL_NUMBER) TW_CALL_COUNT };

/* libc's own functions, by number: what a hook calls when the verdict is in. The plain names would do for most,
 * but an object loaded before libc may stand in for them, and find the hooks itself when it looks for libc's. NULL
 * where this libc has none. */
extern void *tw_reals[TW_CALL_COUNT];
#define TW_REAL(name, type) ((type *)tw_reals[TW_CALL_##name])

/* Installs the hooks that the policy needs. Returns false when the C library can't be found or its table can't be
 * changed: then nothing is hooked. */
bool tw_hooks_install(const struct tw_policy *policy);

/* Hooks what was loaded since by other ways than the C library's table. Returns whether hooks had been taken out;
 * they are in again. */
bool tw_hooks_refresh(void);

/* Hooks the objects of another namespace, which have a C library of their own. */
void tw_hooks_namespace(struct link_map *map);

#endif
