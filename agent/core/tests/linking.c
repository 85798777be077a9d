/* Ways to come to libc's calls past an object's ordinary pointers, and ways to take the hooks out.
 *
 *     linking LIBRARY FOLDER ATTEMPT        starts the core with TW_POLICY, tries one, prints what it gave
 *
 * With -DOBJECT it is a shared object with a constructor; with -DINTERPOSER one for LD_PRELOAD that stands in for
 * libc's system and looks up libc's own when it is called. The test in tests/unit/test_core_linking.py builds it in
 * several ways, and judges by the file that the program would have made and by the audits. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#if defined(OBJECT)

static int answer;

static __attribute__((constructor)) void construct(void)
{
    const char *command = getenv("CONSTRUCTOR_COMMAND");

    answer = command == NULL ? 0 : system(command);
}

int object_run(const char *command);
int object_answer(void);

int object_run(const char *command)
{
    return system(command);
}

int object_answer(void)
{
    return answer;
}

#elif defined(INTERPOSER)

int system(const char *command)
{
    int (*next)(const char *);

    *(void **)&next = dlsym(RTLD_NEXT, "system");
    return next(command);
}

#else

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLICY_MEMORY = 512 * 1024 };

typedef int run_function(const char *);

static char marker[300], command[400];
static char *arguments[] = {"touch", marker, NULL};
static const char *folder;
static void (*begin)(const char *);

static void *look_up(void *object, const char *name)
{
    void *found = object == NULL ? NULL : dlsym(object, name);

    if (found == NULL) {
        fprintf(stdout, "no %s\n", name);
        exit(3);
    }
    return found;
}

static int run(void *function)
{
    return ((run_function *)function)(command);
}

static int reap(pid_t child)
{
    int status = -1;

    return waitpid(child, &status, 0) == child ? status : -1;
}

static const char *path_in_folder(const char *name)
{
    static char path[300];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_script(const char *name, const char *first_line)
{
    FILE *file = fopen(path_in_folder(name), "w");

    if (file == NULL || fprintf(file, "%s\n: > %s\n", first_line, marker) < 0 || fclose(file) != 0 ||
        chmod(path_in_folder(name), 0755) != 0)
        exit(3);
}

static int plain(void) { return system(command); }
static int private_name(void) { return run(look_up(dlopen("libc.so.6", RTLD_LAZY), "__libc_system")); }
static int next_object(void) { return run(look_up(RTLD_NEXT, "system")); }
static int object_call(void) { return run(look_up(dlopen(path_in_folder("object.so"), RTLD_LAZY), "object_run")); }

static int constructor(void)
{
    setenv("CONSTRUCTOR_COMMAND", command, 1);
    return ((int (*)(void))look_up(dlopen(path_in_folder("object.so"), RTLD_NOW), "object_answer"))();
}

static int other_namespace(void)
{
    return run(look_up(dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW), "system"));
}

static int object_in_other_namespace(void)
{
    return run(look_up(dlmopen(LM_ID_NEWLM, path_in_folder("object.so"), RTLD_NOW), "object_run"));
}

static int note_libc(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    if (strstr(info->dlpi_name, "/libc.so.6") != NULL)
        snprintf(data, PATH_MAX, "%s", info->dlpi_name);
    return 0;
}

/* The C library's file, copied: loaded beside the first it is a second one. */
static void *second_c_library(void)
{
    char path[PATH_MAX] = "", buffer[1 << 16];
    size_t size;

    dl_iterate_phdr(note_libc, path);
    FILE *from = fopen(path, "r"), *to = fopen(path_in_folder("second.so"), "w");

    while (from != NULL && to != NULL && (size = fread(buffer, 1, sizeof buffer, from)) > 0)
        fwrite(buffer, 1, size, to);
    if (from == NULL || to == NULL || fclose(from) != 0 || fclose(to) != 0)
        exit(3);
    return dlopen(path_in_folder("second.so"), RTLD_NOW);
}

static int second_library(void) { return run(look_up(second_c_library(), "system")); }

static int second_library_later(void)
{
    void *library = second_c_library();

    begin("next");
    return run(look_up(library, "system"));
}

/* The library lies where only this program's own run path leads. */
static int run_path(void)
{
    return run(look_up(dlopen("libbeside.so", RTLD_NOW), "object_run"));
}

static int old_version(void)
{
    pid_t child = -1;
    int (*spawn)(pid_t *, const char *, const void *, const void *, char *const[], char *const[]);

    *(void **)&spawn = dlvsym(RTLD_DEFAULT, "posix_spawn", "GLIBC_2.2.5");
    if (spawn == NULL)
        return plain(); /* machines younger than that version */
    int error = spawn(&child, "/bin/touch", NULL, NULL, arguments, environ);

    return error != 0 ? error : reap(child);
}

/* A stream that libc's popen would fill in. */
static int stream_by_hand(void)
{
    FILE *stream = tmpfile();
    FILE *(*proc_open)(FILE *, const char *, const char *);

    *(void **)&proc_open = dlsym(RTLD_DEFAULT, "_IO_proc_open");
    if (proc_open == NULL)
        return plain();
    return proc_open(stream, command, "r") == NULL ? errno : 0;
}

static int script_of_script(void)
{
    char first_line[400];

    write_script("inner", "#!/bin/sh");
    snprintf(first_line, sizeof first_line, "#!%s", path_in_folder("inner"));
    write_script("outer", first_line);
    pid_t child = fork();

    if (child == 0) {
        char *const argv[] = {"outer", NULL};

        execv(path_in_folder("outer"), argv);
        _exit(errno);
    }
    return reap(child);
}

/* Neither a program nor a script: execvp gives it to the shell. */
static int unknown_format(void)
{
    write_script("unknown", "# no first line");
    pid_t child = fork();

    if (child == 0) {
        setenv("PATH", folder, 1);
        execlp("unknown", "unknown", (char *)NULL);
        _exit(errno);
    }
    return reap(child);
}

static int spawn_elsewhere(void)
{
    pid_t child = -1;
    posix_spawn_file_actions_t actions;
    char *const argv[] = {"only-there", NULL};

    write_script("only-there", "#!/bin/sh");
    setenv("PATH", ".", 1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    int error = posix_spawnp(&child, "only-there", &actions, NULL, argv, environ);

    return error != 0 ? error : reap(child);
}

static int shell_there(void)
{
    return system(NULL) == 0 ? EACCES : 0;
}

static void *in_thread(void *result)
{
    pid_t child = -1;
    int error = posix_spawn(&child, "/bin/touch", NULL, NULL, arguments, environ);

    *(int *)result = error != 0 ? error : reap(child);
    return NULL;
}

static int small_stack(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int result = -1;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    if (pthread_create(&thread, &attributes, in_thread, &result) != 0 || pthread_join(thread, NULL) != 0)
        return -1;
    return result;
}

static int restored_pointer(void);
static int changed_policy(void);
static int changed_other_copy(void);
static int changed_both(void);

static void *start_many(void *result)
{
    for (int i = 0; i < 20; i++) {
        pid_t child = i % 2 == 0 ? fork() : vfork();

        if (child == 0) {
            execv("/bin/touch", arguments);
            _exit(126);
        }
        *(int *)result |= reap(child);
    }
    return NULL;
}

/* Threads that start programs while others load objects and invocations begin. */
static int at_once(void)
{
    pthread_t threads[4];
    int results[4] = {0}, result = 0;

    for (size_t i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, start_many, &results[i]) != 0)
            return -1;
    for (int i = 0; i < 200; i++) {
        void *object = dlopen(path_in_folder("object.so"), RTLD_NOW);

        begin("busy");
        dlclose(object);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        result |= results[i];
    }
    return result;
}

static const struct {
    const char *name;
    int (*attempt)(void);
} attempts[] = {
    {"plain", plain}, {"private_name", private_name}, {"next_object", next_object}, {"object_call", object_call},
    {"constructor", constructor}, {"other_namespace", other_namespace},
    {"second_library", second_library}, {"second_library_later", second_library_later},
    {"object_in_other_namespace", object_in_other_namespace}, {"run_path", run_path}, {"old_version", old_version},
    {"stream_by_hand", stream_by_hand}, {"script_of_script", script_of_script}, {"unknown_format", unknown_format},
    {"spawn_elsewhere", spawn_elsewhere}, {"shell_there", shell_there}, {"small_stack", small_stack},
    {"restored_pointer", restored_pointer}, {"changed_policy", changed_policy},
    {"changed_other_copy", changed_other_copy},
    {"changed_both", changed_both}, {"at_once", at_once},
};

/* What an attacker reads from libc's file: the true address of a function. */
static void *true_system;

static int put_back(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        void *hook = dlsym(RTLD_DEFAULT, "system");

        if (info->dlpi_name[0] != '\0' || header->p_type != PT_LOAD || (header->p_flags & PF_W) == 0)
            continue;
        void **word = (void **)((info->dlpi_addr + header->p_vaddr + 7) & ~(uintptr_t)7);
        uintptr_t page = (uintptr_t)word & ~(uintptr_t)4095;

        mprotect((void *)page, (uintptr_t)word + header->p_memsz - page, PROT_READ | PROT_WRITE);
        for (; (char *)(word + 1) <= (char *)info->dlpi_addr + header->p_vaddr + header->p_memsz; word++)
            if (*word == hook && (*(int *)data)++ < 99)
                *word = true_system;
    }
    return 0;
}

static int restored_pointer(void)
{
    int count = 0;

    dl_iterate_phdr(put_back, &count);
    if (count == 0)
        exit(3);
    begin("next");
    return system(command);
}

/* By the instruction itself: libc's function is hooked, and leaves these pages alone. */
static long open_pages(void *start)
{
#if defined(__x86_64__)
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_mprotect), "D"(start), "S"((long)POLICY_MEMORY),
                         "d"((long)(PROT_READ | PROT_WRITE))
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = SYS_mprotect, x0 __asm__("x0") = (long)start, x1 __asm__("x1") = POLICY_MEMORY;
    register long x2 __asm__("x2") = PROT_READ | PROT_WRITE;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

/* Changes the effect in the mappings that hold the rule, the policy and its copy: those that `which` has a bit for. */
static int change_policy(unsigned which)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end, all[8][2], found = 0, changed = 0;
    char line[512];

    /* The two may be one line. */
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "r--p 00000000 00:00 0") != NULL && sscanf(line, "%lx-%lx", &start, &end) == 2)
            for (; start + POLICY_MEMORY <= end && found < 8; start += POLICY_MEMORY)
                if (memmem((void *)start, 4096, "the-rule", 8) != NULL)
                    all[found][0] = start, all[found++][1] = start + POLICY_MEMORY;
    for (unsigned long i = 0; i < found; i++) {
        int *word = (int *)all[i][0];

        if ((which >> i & 1) == 0 || open_pages(word) != 0)
            continue;
        /* The section begins with its effect and two switches. */
        for (size_t at = 0; at < 64 && changed < i + 1; at++)
            if (word[at] >= 1 && word[at] <= 3 && word[at + 1] == 1)
                word[at] = 0, changed = i + 1;
    }
    if (found != 2 || changed == 0)
        exit(3);
    begin("next");
    return system(command);
}

static int changed_policy(void) { return change_policy(1); }
static int changed_other_copy(void) { return change_policy(2); }
static int changed_both(void) { return change_policy(3); }

int main(int count, char **values)
{
    char message[200];

    if (count != 4)
        return 2;
    folder = values[2];
    snprintf(marker, sizeof marker, "%s/marker", folder);
    snprintf(command, sizeof command, ": > %s", marker);
    true_system = dlsym(RTLD_DEFAULT, "system");
    void *core = dlopen(values[1], RTLD_NOW);
    int (*start)(const char *, const char *, const char *, const char *, char *, size_t);

    *(void **)&start = look_up(core, "tw_start_flat");
    *(void **)&begin = look_up(core, "tw_invocation_begin");
    if (start(getenv("TW_POLICY"), folder, "c", NULL, message, sizeof message) < 0) {
        puts(message);
        return 2;
    }
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        if (strcmp(attempts[i].name, values[3]) == 0) {
            printf("%d\n", attempts[i].attempt());
            return 0;
        }
    return 2;
}

#endif
