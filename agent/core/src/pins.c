/* Two counters for each number: who holds it, and who is about to change what it is. Each side raises its own before it
 * looks at the other's, so that one of them always sees the other. */
#define _GNU_SOURCE
#include "pins.h"

#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not in glibc's headers everywhere. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum {
    /* Higher than the numbers that programs count up from three; below 64, since for more the kernel makes the table of
     * descriptors anew, which takes a threaded process 10 ms. */
    ASIDE = 40,
    WATCHED = 65536, /* from this number on nothing is held */
    /* A thread holds a number for microseconds, unless a FIFO or a lingering socket lets it wait. */
    YIELDS = 64,
    SLEEPS = 1000,
    SLEEP = 100 * 1000, /* ns */
    OTHERS = 8, /* so many numbers are tried that a slow call is about to change */
};

typedef int close_function(int);
typedef int dup2_function(int, int);
typedef int dup3_function(int, int, int);
typedef void closefrom_function(int);
typedef int closedir_function(DIR *);
typedef int fclose_function(FILE *);

/* A sanitizer that does not see what is closed takes the next file of the same number for the same one. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef TW_REAL
#define TW_REAL(name, type) name
#endif
#endif

/* Memory is taken for the pages alone that have numbers in use. 16 bits: more threads than that no process has. */
static _Atomic unsigned short held[WATCHED], changing[WATCHED];
static _Atomic unsigned all_held, sweeping;

static bool is_watched(int descriptor)
{
    return descriptor >= 0 && descriptor < WATCHED;
}

static void give_way(int turn)
{
    if (turn < YIELDS)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = SLEEP}, NULL);
}

static bool is_settled(int descriptor)
{
    for (int turn = 0; turn < YIELDS + SLEEPS; turn++) {
        if (changing[descriptor] == 0 && sweeping == 0)
            return true;
        give_way(turn);
    }
    return false;
}

static void let_go(int descriptor)
{
    all_held--;
    held[descriptor]--;
}

/* Whether the number is held, and not that of a file which another thread has closed meanwhile: such a one could become
 * anything yet. */
static bool is_pinned(int descriptor)
{
    held[descriptor]++;
    all_held++;
    if (is_settled(descriptor) && fcntl(descriptor, F_GETFD) >= 0)
        return true;
    let_go(descriptor);
    return false;
}

int tw_pin(int descriptor)
{
    int error = errno, pinned = -1;

    for (int lowest = ASIDE; descriptor >= 0 && lowest < ASIDE + OTHERS; lowest++) {
        int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
        int number = moved < 0 ? descriptor : moved; /* where the limit of descriptors is lower, it stays */

        if (is_watched(number) && is_pinned(number)) {
            pinned = number;
            break;
        }
        if (moved >= 0)
            close(moved);
    }
    if (descriptor >= 0 && pinned != descriptor)
        close(descriptor);
    errno = pinned < 0 && descriptor >= 0 ? EMFILE : error;
    return pinned;
}

void tw_unpin(int descriptor)
{
    int error = errno;

    if (descriptor >= 0) {
        close(descriptor);
        let_go(descriptor);
    }
    errno = error;
}

/* Returns whether the number may be changed now; then end_change has to follow. */
static bool begin_change(int descriptor)
{
    int error = errno;

    for (int turn = 0; is_watched(descriptor); turn++) {
        changing[descriptor]++;
        if (held[descriptor] == 0)
            break;
        changing[descriptor]--;
        if (turn == YIELDS + SLEEPS)
            return false;
        give_way(turn);
    }
    errno = error;
    return true;
}

static void end_change(int descriptor)
{
    if (is_watched(descriptor))
        changing[descriptor]--;
}

int tw_close(int descriptor)
{
    if (!begin_change(descriptor)) {
        errno = EBADF;
        return -1;
    }
    int result = TW_REAL(close, close_function)(descriptor);

    end_change(descriptor);
    return result;
}

int tw_dup3(int from, int to, int flags)
{
    if (!begin_change(to)) {
        errno = EBUSY;
        return -1;
    }
    int result = TW_REAL(dup3, dup3_function)(from, to, flags);

    end_change(to);
    return result;
}

int tw_dup2(int from, int to)
{
    if (!begin_change(to)) {
        errno = EBUSY;
        return -1;
    }
    int result = TW_REAL(dup2, dup2_function)(from, to);

    end_change(to);
    return result;
}

static bool begin_sweep(void)
{
    for (int turn = 0; turn < YIELDS + SLEEPS; turn++) {
        sweeping++;
        if (all_held == 0)
            return true;
        sweeping--;
        give_way(turn);
    }
    return false;
}

/* While a number stays held: each that could be by itself, and then the rest, however high the limit is. */
static void close_singly(unsigned first, unsigned last)
{
    for (unsigned descriptor = first; descriptor <= last && descriptor < WATCHED; descriptor++)
        tw_close((int)descriptor);
    if (last >= WATCHED)
        syscall(SYS_close_range, first < WATCHED ? WATCHED : first, last, 0);
}

/* Marking them to be closed later changes nothing now. */
int tw_close_range(unsigned first, unsigned last, int flags)
{
    int error = errno;

    if (flags != 0 || first > last)
        return (int)syscall(SYS_close_range, first, last, flags);
    if (!begin_sweep()) {
        close_singly(first, last);
        errno = error;
        return 0;
    }
    int result = (int)syscall(SYS_close_range, first, last, flags);

    sweeping--;
    return result;
}

void tw_closefrom(int first)
{
    if (!begin_sweep())
        return close_singly(first < 0 ? 0 : (unsigned)first, ~0U);
    TW_REAL(closefrom, closefrom_function)(first);
    sweeping--;
}

/* What libc closes by itself. Its descriptor was closed before if it is held now: then the object is left as it is. */
int tw_closedir(DIR *folder)
{
    int descriptor = folder == NULL ? -1 : dirfd(folder);

    if (!begin_change(descriptor)) {
        errno = EBADF;
        return -1;
    }
    int result = TW_REAL(closedir, closedir_function)(folder);

    end_change(descriptor);
    return result;
}

int tw_fclose(FILE *file)
{
    int error = errno, descriptor = file == NULL ? -1 : fileno(file);

    errno = error;
    if (!begin_change(descriptor)) {
        errno = EBADF;
        return EOF;
    }
    int result = TW_REAL(fclose, fclose_function)(file);

    end_change(descriptor);
    return result;
}

/* In the child of a fork nobody else is there who could hold or change anything. */
static void forget(void)
{
    sweeping = all_held = 0;
    for (int descriptor = 0; descriptor < WATCHED; descriptor++) {
        if (changing[descriptor] != 0)
            changing[descriptor] = 0;
        if (held[descriptor] == 0)
            continue;
        held[descriptor] = 0;
        close(descriptor);
    }
}

void tw_pins_start(void)
{
    pthread_atfork(NULL, NULL, forget);
}
