/* A program that is linked statically: makes a file, or executes what it is given. With -DLIBRARY a library that starts a
 * program when it is loaded. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

#ifdef LIBRARY

static __attribute__((constructor)) void construct(void)
{
    const char *marker = getenv("CONSTRUCTOR_MARKER");

    if (marker == NULL)
        return;
    /* The program that it becomes would load this library as well, and become itself again. */
    unsetenv("LD_PRELOAD");
    execl("/usr/bin/touch", "touch", marker, (char *)NULL);
}

#else

int main(int count, char **arguments)
{
    if (count == 2)
        return open(arguments[1], O_WRONLY | O_CREAT, 0600) < 0;
    execve(arguments[1], arguments + 1, environ);
    return 99;
}

#endif
