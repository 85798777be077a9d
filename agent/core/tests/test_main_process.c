#define _GNU_SOURCE
/* The runtime is ended by its children, and told from another process of its number. */
#include "main_process.h"
#include "sealed.h"
#include "test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that notes itself; its child ends it. Returns how it ended. */
static int ended_by_child(void)
{
    int status = -1;
    pid_t runtime = fork();

    if (runtime == 0) {
        tw_main_process_note();
        tw_main_process_end(); /* nothing in the process itself */
        pid_t child = fork();

        if (child == 0) {
            tw_main_process_end();
            _exit(0);
        }
        waitpid(child, NULL, 0);
        _exit(3);
    }
    waitpid(runtime, &status, 0);
    return status;
}

/* qemu-user makes up a process's own /proc/self/stat, so that its child reads another start than it does itself. */
static bool is_emulated(void)
{
    pid_t parent = getpid();
    unsigned long long start = tw_process_start(parent);
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(tw_process_start(parent) != start);
    waitpid(child, &status, 0);
    return status != 0;
}

int main(void)
{
    unsigned long long start = tw_process_start(getpid());
    int pipes[2];

    CHECK(tw_sealed_open(true), "the agent's own pages");
    CHECK(start > 0 && tw_process_start(getpid()) == start, "our own start");
    CHECK(prctl(PR_SET_NAME, ") R 1 2 (3)") == 0 && tw_process_start(getpid()) == start, "a name with parentheses");
    CHECK(pipe(pipes) == 0, "pipe");
    pid_t child = fork();

    if (child == 0) {
        char byte;

        close(pipes[1]);
        _exit((int)read(pipes[0], &byte, 1));
    }
    CHECK(tw_process_start(child) >= start, "a child starts later");
    close(pipes[1]);
    waitpid(child, NULL, 0);
    CHECK(tw_process_start(child) == 0, "no such process");
    if (is_emulated()) {
        puts("main_process: the emulator hides when a process started; ending it from a child is not tested here");
        return test_end("main_process");
    }
    int status = ended_by_child();

    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "ended with %x", (unsigned)status);
    return test_end("main_process");
}
