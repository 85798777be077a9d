/* A script's first line: the interpreter, if any, is a part of the line without spaces. */
#include "program.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);

    memcpy(line, data, size);
    const char *found = tw_script_interpreter(line, size);

    if (found != NULL && (found < line + 2 || found + strlen(found) >= line + size || strpbrk(found, " \t\n") != NULL))
        abort();
    free(line);
    return 0;
}
