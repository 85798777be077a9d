/* A library that the function loads by itself; texts come as addresses. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int Java_attacks_Native_system(void *env, void *type, long text)
{
    (void)env;
    (void)type;
    return system((const char *)text);
}

/* The error of execv in a child. */
int Java_attacks_Native_execv(void *env, void *type, long program, long argument)
{
    char *arguments[] = {(char *)program, (char *)argument, NULL};
    int status = 0;
    pid_t child = vfork();

    (void)env;
    (void)type;
    if (child == 0) {
        execv((char *)program, arguments);
        _exit(errno);
    }
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}
