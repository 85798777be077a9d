/* TW_PARENT: what is read can be written again, and reads the same. */
#include "parent.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct tw_parent *parent, size_t size)
{
    /* Every byte may take three. */
    size_t most = 3 * size + 256, length;
    char *written = malloc(most + 1), *second = malloc(most + 1);
    struct tw_parent read;

    length = tw_parent_write(parent, written, most);
    written[length] = '\0';
    memcpy(second, written, length + 1);
    if (length == 0 || !tw_parent_read(second, &read) || read.process != parent->process ||
        read.ring.inode != parent->ring.inode)
        abort();
    for (size_t i = 0; i <= TW_PARENT_VARIABLES; i++) {
        if ((read.variables[i] == NULL) != (parent->variables[i] == NULL))
            abort();
        if (read.variables[i] == NULL)
            break;
        if (strcmp(read.variables[i], parent->variables[i]) != 0)
            abort();
    }
    free(written);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct tw_parent parent;

    memcpy(text, data, size);
    text[size] = '\0';
    if (tw_parent_read(text, &parent))
        write_again(&parent, size);
    free(text);
    return 0;
}
