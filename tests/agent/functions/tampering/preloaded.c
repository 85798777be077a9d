/* A library that a child's dynamic linker is told to load: its constructor starts a program. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The C library may not be ready yet: the variables come as an argument. */
__attribute__((constructor)) static void attack(int count, char **arguments, char **variables) {
    static const char name[] = "ATTACK_MARKER=";
    char *command[] = {"touch", NULL, NULL}, *none[] = {NULL};
    (void)count, (void)arguments;
    for (char **at = variables; *at; at++)
        if (strncmp(*at, name, sizeof name - 1) == 0) command[1] = *at + sizeof name - 1;
    if (command[1] == NULL) return;
    pid_t child = vfork();
    if (child == 0) {
        execve("/usr/bin/touch", command, none);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}
/* As an auditor it is loaded before everything else. */
unsigned la_version(unsigned version) { return version; }
