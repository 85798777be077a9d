#define _GNU_SOURCE
#include "main_process.h"

#include "error_stream.h"
#include "sealed.h"
#include "text.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { START_FIELD = 22, STAT = 1024 };

TW_SEALED static pid_t noted;
TW_SEALED static unsigned long long noted_start;

unsigned long long tw_process_start(pid_t process)
{
    char path[64], stat[STAT + 1];
    struct tw_text text = {.start = path, .size = sizeof path - 1};
    unsigned long long start = 0;

    tw_text_add(&text, "/proc/");
    tw_text_number(&text, (unsigned long)process);
    tw_text_add(&text, "/stat");
    path[text.length] = '\0';
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, stat, STAT);

    if (descriptor >= 0)
        close(descriptor);
    stat[length < 0 ? 0 : length] = '\0';
    /* The second field is the program's name, which may hold anything; its end is the last parenthesis. */
    const char *at = strrchr(stat, ')');

    for (int field = 2; at != NULL && field < START_FIELD; field++)
        at = strchr(at + 1, ' ');
    for (; at != NULL && at[1] >= '0' && at[1] <= '9'; at++)
        start = start * 10 + (unsigned)(at[1] - '0');
    return start;
}

void tw_main_process_note(void)
{
    noted = tw_process_id();
    noted_start = tw_process_start(noted);
}

void tw_main_process_follow(pid_t process, unsigned long long start)
{
    noted = process;
    noted_start = start;
}

void tw_main_process_end(void)
{
    if (noted <= 0 || noted == tw_process_id())
        return;
    unsigned long long start = tw_process_start(noted);

    /* Where it can't be told, the runtime is the likelier one. */
    if (start == 0 || start == noted_start)
        kill(noted, SIGKILL);
}
