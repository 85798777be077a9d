#define _GNU_SOURCE
#include "arguments.h"

#include <errno.h>
#include <string.h>

size_t tw_arguments_size(char *const argv[])
{
    size_t size = sizeof(char *);

    if (argv == NULL)
        return 0;
    for (size_t i = 0; argv[i] != NULL && size <= TW_ARGUMENTS_LARGEST; i++)
        size += sizeof(char *) + strnlen(argv[i], TW_ARGUMENTS_LARGEST) + 1;
    return size <= TW_ARGUMENTS_LARGEST ? size : 0;
}

char *const *tw_arguments_copy(char *const argv[], void *memory, size_t size)
{
    size_t count = 0;

    if (size == 0)
        return argv;
    char **copy = memory, *text = (char *)memory + size;

    /* Pointers grow from the front, strings from the back: they may not meet. */
    for (const char *argument; (argument = argv[count]) != NULL; count++) {
        size_t left = (size_t)(text - (char *)(copy + count + 1)), length = strnlen(argument, left);

        if (length + 1 + sizeof(char *) > left) {
            errno = EFAULT;
            return NULL;
        }
        text -= length + 1;
        memcpy(text, argument, length);
        text[length] = '\0';
        copy[count] = text;
    }
    copy[count] = NULL;
    return copy;
}
