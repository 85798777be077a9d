#define _GNU_SOURCE
/* What programs are told of the runtime, the environments that are made for them, and which programs can't load the
 * library. */
#include "audit.h"
#include "children.h"
#include "children_facts.h"
#include "main_process.h"
#include "program_kind.h"
#include "shared_memory.h"
#include "sealed.h"
#include "test.h"

#include <elf.h>
#include <link.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct tw_parent example = {
    .process = 17, .start = UINT64_MAX, .stream = {-1, 5, 7}, .ring = {50, 1, 21566}, .stream_has_place = true,
    .runtime = "python3.11", .readable = "/usr/lib:/with blank;and 100%/\xc3\xa4\n",
    .variables = {"AWS_REGION=us", "EMPTY=", NULL},
};

static bool same(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static void round_trip(void)
{
    char text[512], again[512];
    struct tw_parent read;
    size_t length = tw_parent_write(&example, text, sizeof text - 1);

    text[length] = '\0';
    CHECK(length > 0 && strpbrk(text, " \n\t") == NULL, "%s", text);
    CHECK(tw_parent_read(strcpy(again, text), &read), "%s", text);
    CHECK(read.process == 17 && read.start == UINT64_MAX && read.stream_has_place, "numbers");
    CHECK(read.stream.descriptor == -1 && read.stream.device == 5 && read.stream.inode == 7, "stream");
    CHECK(read.ring.descriptor == 50 && read.ring.device == 1 && read.ring.inode == 21566, "ring");
    CHECK(same(read.runtime, example.runtime) && same(read.readable, example.readable), "%s", read.readable);
    CHECK(same(read.variables[0], "AWS_REGION=us") && same(read.variables[1], "EMPTY=") && read.variables[2] == NULL,
          "variables");
    for (size_t size = 0; size < length; size++) {
        CHECK(tw_parent_write(&example, again, size) == 0, "%zu bytes", size);
        memcpy(again, text, size);
        again[size] = '\0';
        /* Fields that are left out at the end are variables: the text says nothing about their number. */
        bool is_whole = size > 0 && text[size - 1] == ';' && size >= (size_t)(strstr(text, "AWS_REGION") - text);

        CHECK(tw_parent_read(again, &read) == is_whole, "%zu bytes: %s", size, text);
    }
}

static void nonsense(void)
{
    static const char *const texts[] = {
        "", ";", "1", "1;", "2;1;1;1;1;1;1;1;1;1;;;", "1;0;1;1;1;1;1;1;1;1;;;", "1;1;-1;1;1;1;1;1;1;1;;;",
        "1;1;18446744073709551616;1;1;1;1;1;1;1;;;", "1;99999999999;1;1;1;1;1;1;1;1;;;", "1;1;1;1;1;1;1;1;1;1;%;;",
        "1;1;1;1;1;1;1;1;1;1;%0;;", "1;1;1;1;1;1;1;1;1;1;%00;;", "1;1;1;1;1;1;1;1;1;1;;;no-value;",
        "1;1;1;1;1;1;1;1;1;1;;;;",
        "1;1;;1;1;1;1;1;1;1;;;", "1;1;1;1;1;1;1;1;1;1;;;a=;b=;c=;d=;e=;f=;g=;h=;i=;j=;k=;l=;m=;n=;o=;p=;q=;",
    };
    struct tw_parent read;
    char text[128];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK(!tw_parent_read(strcpy(text, texts[i]), &read), "%s", texts[i]);
    CHECK(tw_parent_read(strcpy(text, "1;1;1;1;1;1;1;1;1;1;;;a=;"), &read), "the shortest");
}

static const char *const *made_from(char *const envp[], enum tw_fate fate)
{
    static char *memory[8192];
    struct tw_environment_size size = tw_environment_measure(envp, fate);

    CHECK(TW_ENVIRONMENT_BYTES(size) <= sizeof memory, "%zu", TW_ENVIRONMENT_BYTES(size));
    return (const char *const *)tw_environment_make(envp, fate, &size, memory);
}

static size_t count_of(const char *const *entries)
{
    size_t count = 0;

    while (entries[count] != NULL)
        count++;
    return count;
}

static const char *value_of(const char *const *entries, const char *name)
{
    const char *value = tw_environment_last((char *const *)(uintptr_t)entries, name);

    return value == NULL ? "(none)" : value;
}

/* "theirs" becomes "wanted" in an environment for a program that can, or can't, load the library. */
static void preload(const char *theirs, const char *wanted, enum tw_fate fate)
{
    char entry[600], list[600];
    char *envp[] = {entry, NULL};
    const char *mark = strstr(wanted, "OURS"), *theirs_mark = strstr(theirs, "OURS");

    snprintf(entry, sizeof entry, "LD_PRELOAD=%.*s%s%s", theirs_mark == NULL ? 500 : (int)(theirs_mark - theirs),
             theirs,
             theirs_mark == NULL ? "" : tw_children_facts->library, theirs_mark == NULL ? "" : theirs_mark + 4);
    snprintf(list, sizeof list, "%.*s%s%s", mark == NULL ? 500 : (int)(mark - wanted), wanted,
             mark == NULL ? "" : tw_children_facts->library, mark == NULL ? "" : mark + 4);
    const char *found = value_of(made_from(envp, fate), "LD_PRELOAD");

    CHECK(strcmp(found, list) == 0, "%s became %s", entry, found);
}

static void environments(void)
{
    static char plain[] = "A=1", policy[] = "TW_POLICY=theirs", parent[] = "TW_PARENT=theirs",
                          evil[] = "LD_PRELOAD=/evil.so",
                last[] = "LD_PRELOAD=/last.so", near[] = "LD_PRELOAD_=x", no_value[] = "TW_POLICY";
    char *const nothing[] = {NULL}, *const some[] = {plain, policy, evil, near, parent, policy, no_value, last, NULL};
    const char *const *made = made_from(some, TW_FATE_FOLLOWED);

    CHECK(count_of(made) == 6 && made[0] == plain && made[1] == near && made[2] == no_value, "%zu entries",
          count_of(made));
    CHECK(strcmp(value_of(made, "TW_POLICY"), "ours") == 0, "%s", value_of(made, "TW_POLICY"));
    CHECK(strncmp(value_of(made, "TW_PARENT"), "id%3b1;1;", 9) == 0, "%s", value_of(made, "TW_PARENT"));
    CHECK(strncmp(value_of(made, "LD_PRELOAD"), "/last.so:/", 10) == 0, "%s", value_of(made, "LD_PRELOAD"));
    CHECK(count_of(made_from(nothing, TW_FATE_FOLLOWED)) == 3 && count_of(made_from(NULL, TW_FATE_FOLLOWED)) == 3,
          "no environment");
    CHECK(made_from(nothing, TW_FATE_FOREIGN) == (const char *const *)nothing, "untouched");
    made = made_from(some, TW_FATE_FOREIGN);
    CHECK(count_of(made) == 6 && strcmp(value_of(made, "TW_PARENT"), "(none)") == 0, "without what would be ours");
    CHECK(strcmp(value_of(made, "LD_PRELOAD"), "/last.so") == 0 && strcmp(value_of(made, "TW_POLICY"), "theirs") == 0,
          "the caller's");
    preload("", "OURS", TW_FATE_FOLLOWED);
    preload("OURS", "OURS", TW_FATE_FOLLOWED);
    preload(" :OURS: ", "OURS", TW_FATE_FOLLOWED);
    preload("OURS:/a.so", "/a.so:OURS", TW_FATE_FOLLOWED);
    preload("/a.so /b.so", "/a.so:/b.so:OURS", TW_FATE_FOLLOWED);
    preload("/a.so:OURS", "/a.so", TW_FATE_FOREIGN);
    preload("OURS", "(none)", TW_FATE_FOREIGN);
}

static void large_ones(void)
{
    enum { MANY = TW_ENVIRONMENT_ENTRIES };
    static char list[40 * 1024] = "LD_PRELOAD=";
    static char plain[] = "A=1";
    static char *many[MANY + 1];
    char *const envp[] = {list, NULL};
    struct tw_policy policy = {.rule = "r", .network = {.effect = TW_EFFECT_PREVENT}};

    memset(list + 11, 'a', sizeof list - 12);
    CHECK(strcmp(value_of(made_from(envp, TW_FATE_FOLLOWED), "LD_PRELOAD"), tw_children_facts->library) == 0,
          "a name of 40 KiB");
    for (size_t i = 0; i < MANY; i++)
        many[i] = plain;
    tw_policy_active = &policy;
    CHECK(made_from(many, TW_FATE_FOLLOWED) == NULL, "too many");
    policy.network.effect = TW_EFFECT_ALERT;
    CHECK(made_from(many, TW_FATE_FOLLOWED) == (const char *const *)many, "alert changes no answer");
    tw_policy_active = NULL;
}

/* This process's own environment, for libc's calls that use it. */
static void own_environment(void)
{
    static char twice[] = "TW_POLICY=twice";
    char *envp[] = {twice, twice, NULL}, **before = environ;

    environ = envp;
    tw_environment_mark_own();
    CHECK(count_of((const char *const *)(uintptr_t)environ) == 3, "%zu",
          count_of((const char *const *)(uintptr_t)environ));
    CHECK(same(getenv("TW_POLICY"), "ours") && same(getenv("LD_PRELOAD"), tw_children_facts->library), "our entries");
    char **first = environ;

    tw_environment_mark_own();
    CHECK(environ == first && count_of((const char *const *)(uintptr_t)environ) == 3, "nothing to do");
    unsetenv("LD_PRELOAD");
    setenv("TW_PARENT", "forged", 1);
    tw_environment_mark_own();
    CHECK(same(getenv("LD_PRELOAD"), tw_children_facts->library) && strncmp(getenv("TW_PARENT"), "id%3b1;1;", 9) == 0,
          "again");
    environ = before;
}

static bool is_foreign(const ElfW(Ehdr) *elf, uint32_t type, const char *loader)
{
    ElfW(Phdr) headers[20] = {{.p_type = PT_NULL}};
    ElfW(Ehdr) header = *elf;
    int file = (int)syscall(SYS_memfd_create, "program", 0);
    size_t length = strlen(loader) + 1;

    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof *headers;
    header.e_phnum = 20;
    headers[17] = (ElfW(Phdr)){.p_type = type, .p_offset = sizeof header + sizeof headers, .p_filesz = length};
    CHECK(pwrite(file, &header, sizeof header, 0) > 0 && pwrite(file, headers, sizeof headers, sizeof header) > 0 &&
          pwrite(file, loader, length, sizeof header + sizeof headers) > 0, "memfd");
    bool foreign = tw_program_is_foreign(file, (const char *)&header, sizeof header);

    close(file);
    return foreign;
}

static void kinds(void)
{
    ElfW(Ehdr) own, changed;
    int file = open("/proc/self/exe", O_RDONLY);

    tw_program_note_loader();
    CHECK(read(file, &own, sizeof own) == sizeof own, "our own program");
    CHECK(!tw_program_is_foreign(file, (const char *)&own, sizeof own), "our own program");
    CHECK(!tw_program_is_foreign(file, (const char *)&own, 10), "cut short: the kernel refuses it");
    close(file);
    CHECK(!is_foreign(&own, PT_NULL, "/x"), "without a loader");
    CHECK(is_foreign(&own, PT_INTERP, "/lib/ld-musl-x86_64.so.1"), "another C library");
    CHECK(is_foreign(&own, PT_INTERP, "/lib/ld-linux.so.2"), "another C library");
#if defined(__x86_64__)
    CHECK(!is_foreign(&own, PT_INTERP, "/lib/../lib64/ld-linux-x86-64.so.2"), "the same under another name");
#endif
    changed = own;
    changed.e_ident[EI_CLASS] = ELFCLASS32;
    CHECK(is_foreign(&changed, PT_NULL, ""), "32 bits");
    changed = own;
    changed.e_machine = EM_RISCV;
    CHECK(is_foreign(&changed, PT_NULL, ""), "another machine");
}

static void shared_memory(void)
{
    struct tw_remote place, other;
    volatile char *memory = tw_shared_memory_make(8192, &place);
    int status = -1;
    pid_t runtime = getpid(), child = fork();

    if (child == 0) {
        close(place.descriptor);
        volatile char *same_memory = tw_shared_memory_join(runtime, &place, 8192);

        if (same_memory == NULL)
            _exit(1);
        same_memory[8191] = 'x';
        other = place;
        other.inode++;
        _exit(tw_shared_memory_join(runtime, &place, 4096) != NULL ||
              tw_shared_memory_join(runtime, &other, 8192) != NULL ? 2 : 0);
    }
    CHECK(memory != NULL && place.descriptor > 2 && (fcntl(place.descriptor, F_GETFD) & FD_CLOEXEC) != 0, "made");
    CHECK(waitpid(child, &status, 0) == child && status == 0, "joined: %d", status);
    CHECK(memory[8191] == 'x', "shared");
    CHECK(ftruncate(place.descriptor, 0) != 0, "nobody cuts it");
    CHECK(tw_shared_memory_make(4096, NULL) != NULL, "for children alone");
    close(place.descriptor);
    CHECK(tw_shared_memory_join(runtime, &place, 8192) == NULL, "closed");
}

int main(void)
{
    const struct tw_audit_identity identity = {.provider = "aws", .rule = "r"};
    const struct tw_options options = {.tw_policy = "ours", .runtime = "c"};

    CHECK(tw_sealed_open(true), "the agent's own pages");
    round_trip();
    nonsense();
    kinds();
    shared_memory();
    char *const untouched[] = {NULL};

    CHECK(made_from(untouched, TW_FATE_FOLLOWED) == (const char *const *)untouched, "before the start");
    CHECK(tw_audit_open(&identity, NULL, NULL), "no memory");
    tw_audit_invocation_begin("id;1");
    errno = ENOTTY;
    CHECK(tw_children_prepare(NULL, &options) == NULL && errno == ENOTTY, "prepared");
    environments();
    large_ones();
    own_environment();
    return test_end("children");
}
