#define _GNU_SOURCE
#include "rings.h"

#include "files.h"
#include "text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EARLY_DESCRIPTORS = 64, FACTS = 4096, PATH = 64 };

static bool is_ring(int descriptor)
{
    static const char ring[] = "anon_inode:[io_uring]";
    char link[TW_DESCRIPTOR_LINK], target[sizeof ring];

    tw_descriptor_link(descriptor, link);
    return readlink(link, target, sizeof target) == sizeof ring - 1 && memcmp(target, ring, sizeof ring - 1) == 0;
}

/* Kernels since 5.11 tell the thread that polls it, -1 for none; before, it is what libuv is asked for. */
static bool is_polled(int descriptor)
{
    static const char thread[] = "SqThread:\t", none[] = "-1";
    const char *asked = getenv("UV_USE_IO_URING");
    char path[PATH], facts[FACTS + 1];
    struct tw_text text = {.start = path, .size = sizeof path - 1};

    tw_text_add(&text, "/proc/self/fdinfo/");
    tw_text_number(&text, (unsigned long)descriptor);
    path[text.length] = '\0';
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, facts, FACTS);

    if (file >= 0)
        close(file);
    facts[length < 0 ? 0 : length] = '\0';
    const char *told = strstr(facts, thread);

    if (told == NULL)
        return asked != NULL && strcmp(asked, "0") != 0;
    return strncmp(told + sizeof thread - 1, none, sizeof none - 1) != 0;
}

enum tw_rings tw_rings_found(void)
{
    enum tw_rings found = TW_RINGS_NONE;

    for (int descriptor = 0; descriptor < EARLY_DESCRIPTORS && found != TW_RINGS_POLLED; descriptor++)
        if (is_ring(descriptor))
            found = is_polled(descriptor) ? TW_RINGS_POLLED : TW_RINGS_ENTERED;
    return found;
}
