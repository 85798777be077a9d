/* Calls with arguments that can't be read, and a handler that jumps out of wherever that shows. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

static sigjmp_buf before;
static void jump(int number) { siglongjmp(before, number); }

int attack_fault(int which) {
    struct sigaction old, ours = {.sa_handler = jump};
    char *nowhere = (char *)8;
    pid_t child;
    int result = -1;
    sigaction(SIGSEGV, &ours, &old);
    if (sigsetjmp(before, 1) == 0) {
        switch (which) {
        case 0: result = execve(nowhere, (char **)nowhere, (char **)nowhere); break;
        case 1: result = system(nowhere); break;
        case 2: result = posix_spawn(&child, nowhere, NULL, NULL, (char **)nowhere, (char **)nowhere); break;
        default: result = open(nowhere, O_RDONLY);
        }
    }
    sigaction(SIGSEGV, &old, NULL);
    return result;
}
