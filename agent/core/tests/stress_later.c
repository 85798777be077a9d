/* Loaded and unloaded again while others run; `stress_allowed` is linked from it too, as the program that may start. */
#include <fcntl.h>

int later_open(const char *path);
int main(void);

int later_open(const char *path)
{
    /* Not `open`, of which the sanitizer has one of its own that objects find first. */
    return openat(AT_FDCWD, path, O_RDONLY);
}

int main(void)
{
    return 7;
}
