/* Paths: what is lexical stays lexical, within its bounds, and is its own lexical form. */
#include "files.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char again[PATH_MAX];

    if (size < 2 || size > PATH_MAX)
        return 0;
    /* The first byte says how much room there is; a NUL divides base and path. */
    size_t room = 2 + 16 * (size_t)data[0];
    char *output = malloc(room), *text = malloc(size + 1);

    memcpy(text, data + 1, size - 1);
    text[size - 1] = text[size] = '\0';
    const char *path = text + strlen(text);
    bool fits = tw_path_lexical(text, path + (path < text + size - 1), output, room);

    if (fits && (output[0] != '/' || strlen(output) >= room || strstr(output, "//") != NULL ||
                 strstr(output, "/../") != NULL ||
                 strstr(output, "/./") != NULL || (strlen(output) > 1 && output[strlen(output) - 1] == '/')))
        abort();
    if (fits && (!tw_path_lexical("/x", output, again, sizeof again) || strcmp(again, output) != 0))
        abort();
    free(output);
    free(text);
    return 0;
}
