#define _GNU_SOURCE
/* What a call would start: real files, scripts, links, PATH. */
#include "program.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/defender-test-XXXXXX";

static const char *in_folder(const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void script(const char *name, const char *content, mode_t mode)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "w");

    CHECK(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0, "%s", path);
}

static bool finds(const char *path, bool shell_fallback, struct tw_program *program)
{
    struct tw_program_call call = {.folder = AT_FDCWD, .path = path, .shell_fallback = shell_fallback};

    return tw_program_find(&call, program);
}

static void first_lines(void)
{
    static const struct {
        const char *line, *interpreter;
    } rows[] = {
        {"#!/bin/sh\n", "/bin/sh"}, {"#! /bin/sh -e\n", "/bin/sh"}, {"#!\t/usr/bin/env python\n", "/usr/bin/env"},
        {"#!sh\n", "sh"}, {"#!\n", NULL}, {"#!  \n", NULL}, {"#!/cut/off", NULL}, {"# !/bin/sh\n", NULL}, {"#", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[64];
        size_t length = strlen(rows[i].line);

        memcpy(line, rows[i].line, length + 1);
        const char *found = tw_script_interpreter(line, length);

        CHECK(rows[i].interpreter == NULL ? found == NULL : found != NULL && strcmp(found, rows[i].interpreter) == 0,
              "%s", rows[i].line);
    }
}

/* The paths that a search tries, one after the other. */
static bool tries(const char *path, const char *name, const char *first, const char *second)
{
    struct tw_search search = {.path = path};
    char found[PATH_MAX];

    return tw_search_next(&search, name, found) && strcmp(found, first) == 0 && tw_search_next(&search, name, found) &&
           strcmp(found, second) == 0 && !tw_search_next(&search, name, found) && !tw_search_next(&search, name, found);
}

static void searching(void)
{
    char longest[PATH_MAX + 16], found[PATH_MAX];

    CHECK(tries(NULL, "sh", "/bin/sh", "/usr/bin/sh"), "the usual folders");
    CHECK(tries("/a:/b", "x", "/a/x", "/b/x"), "in order");
    CHECK(tries("/a:", "x", "/a/x", "x") && tries(":/a", "x", "x", "/a/x"), "an empty entry is the current folder");
    memset(longest, 'a', sizeof longest - 1);
    memcpy(longest, "/bin:", 5);
    memcpy(longest + sizeof longest - 6, ":/usr", 6);
    CHECK(tries(longest, "x", "/bin/x", "/usr/x"), "a folder that is too long is passed over");
    CHECK(tw_is_executable("/bin/sh"), "an executable");
    CHECK(!tw_is_executable(folder) && errno == EACCES, "a folder");
    CHECK(!tw_is_executable(in_folder("data")) || geteuid() == 0, "no permission");
    CHECK(!tw_is_executable(in_folder("nothing")) && errno == ENOENT, "no file");
    CHECK(!tw_path_copy(longest + 5, found) && errno == ENAMETOOLONG, "a path that is too long");
    CHECK(!tw_path_copy(NULL, found) && errno == EFAULT, "no path");
    longest[PATH_MAX - 1] = '\0';
    CHECK(tw_path_copy(longest, found) && strcmp(longest, found) == 0, "the longest path");
}

/* The kernel needs no descriptor to start a program. */
static void without_descriptors(const char *shell)
{
    struct rlimit before, none;
    struct tw_program program;

    CHECK(finds("/bin/sh", false, &program) && strcmp(program.path, shell) == 0 && !program.unexamined, "examined");
    getrlimit(RLIMIT_NOFILE, &before);
    none = before;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    bool shell_found = finds("/bin/sh", false, &program), unexamined = program.unexamined;
    bool others = finds(in_folder("nothing"), false, &program) || finds(folder, false, &program) ||
                  finds(in_folder("data"), false, &program);

    setrlimit(RLIMIT_NOFILE, &before);
    CHECK(shell_found && unexamined, "a shell, by its name alone");
    CHECK(!others, "no program, without descriptors");
}

int main(void)
{
    struct tw_program program;
    char shell[PATH_MAX];

    first_lines();
    CHECK(mkdtemp(folder) != NULL && realpath("/bin/sh", shell) != NULL, "no folder");
    CHECK(finds("/bin/sh", false, &program) && strcmp(program.path, shell) == 0 && program.interpreter[0] == '\0', "%s",
          program.path);
    CHECK(finds("/bin/../bin/./sh", false, &program) && strcmp(program.path, shell) == 0, "%s", program.path);
    CHECK(finds("/proc/self/root/bin/sh", false, &program) && strcmp(program.path, shell) == 0, "%s", program.path);
    CHECK(!finds(in_folder("nothing"), false, &program) && !finds(folder, true, &program), "no file, a folder");
    script("run", "#!/bin/sh\nexit 0\n", 0755);
    script("plain", "echo without a first line\n", 0755);
    script("data", "#!/bin/sh\n", 0644);
    script("second", "#!/tmp/defender-no-such-interpreter\n", 0755);
    CHECK(symlink("run", in_folder("link")) == 0, "link");
    CHECK(finds(in_folder("run"), false, &program) && strcmp(program.path, in_folder("run")) == 0 &&
          strcmp(program.interpreter, shell) == 0, "%s", program.interpreter);
    CHECK(finds(in_folder("link"), false, &program) && strcmp(program.path, in_folder("run")) == 0, "%s", program.path);
    CHECK(finds(in_folder("plain"), false, &program) && program.interpreter[0] == '\0', "the kernel refuses it");
    CHECK(finds(in_folder("plain"), true, &program) && strcmp(program.interpreter, shell) == 0,
          "libc gives it to the shell");
    CHECK(!finds(in_folder("data"), true, &program), "not executable");
    CHECK(finds(in_folder("second"), false, &program) && program.interpreter[0] == '\0',
          "an interpreter that is not there");
    char nested[4200];

    snprintf(nested, sizeof nested, "#!%s\n", in_folder("run"));
    script("nested", nested, 0755);
    CHECK(finds(in_folder("nested"), false, &program) && strcmp(program.interpreter, in_folder("run")) == 0,
          "a script for a script: %s", program.interpreter);
    int descriptor = open("/bin/sh", O_RDONLY);
    struct tw_program_call by_descriptor = {.folder = descriptor, .path = "", .is_descriptor = true};

    CHECK(tw_program_find(&by_descriptor, &program) && strcmp(program.path, shell) == 0, "%s", program.path);
    close(descriptor);
    descriptor = open(folder, O_RDONLY | O_DIRECTORY);
    struct tw_program_call relative = {.folder = descriptor, .path = "run"};

    CHECK(tw_program_find(&relative, &program) && strcmp(program.path, in_folder("run")) == 0, "%s", program.path);
    close(descriptor);
    struct tw_program_call elsewhere = {.folder = AT_FDCWD, .path = "no/such/program", .file_unknown = true};

    CHECK(tw_program_find(&elsewhere, &program) && strcmp(program.path, "no/such/program") == 0 && program.unexamined,
          "judged by its name");
    without_descriptors(shell);

    searching();
    for (size_t i = 0; i < 6; i++)
        unlink(in_folder((const char *[]){"run", "plain", "data", "second", "link", "nested"}[i]));
    rmdir(folder);
    return test_end("program");
}
