/* Starts the real library in a test's process, and counts the audits that it writes. */
#ifndef TW_TEST_START_H
#define TW_TEST_START_H

#include "defender.h"
#include "test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

static inline void test_pipe(int pipes[2])
{
    CHECK(pipe(pipes) == 0 && fcntl(pipes[0], F_SETFL, O_NONBLOCK) == 0, "pipe");
}

/* How many audits came since; of the last one, the text. */
static char test_audit_text[1 << 16];

static inline unsigned test_audit_count(int reader)
{
    ssize_t size = read(reader, test_audit_text, sizeof test_audit_text - 1);
    unsigned count = 0;

    test_audit_text[size < 0 ? 0 : size] = '\0';
    for (const char *at = test_audit_text; (at = strstr(at, "\"attackType\":")) != NULL; at++)
        count++;
    return count;
}

static inline void test_encode(const char *text, char *output)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text);

    for (size_t at = 0; at < length; at += 3) {
        unsigned bits = 0;

        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (at + i < length ? (unsigned char)text[at + i] : 0);
        for (size_t i = 0; i < 4; i++)
            *output++ = at + i > length ? '=' : letters[bits >> (18 - 6 * i) & 63];
    }
    *output = '\0';
}

static void (*test_invocation_begin)(const char *);

/* `sections` are the rule's; the pipe is the library's stderr. Its functions are looked up, since hooks change only
 * other objects. */
static inline void test_start(const char *library, const char *sections, const int pipes[2])
{
    static char document[4096], string[8192], message[256];
    int (*start_flat)(const char *, const char *, const char *, const char *, char *, size_t);
    int saved = dup(STDERR_FILENO);

    snprintf(document, sizeof document,
             "{\"v\":1,\"id\":{\"provider\":\"aws\"},\"console\":null,\"runtime\":{\"name\":\"r\",%s}}", sections);
    test_encode(document, string);
    dup2(pipes[1], STDERR_FILENO);
    void *core = dlopen(library, RTLD_NOW);

    if (core == NULL)
        puts(dlerror());
    CHECK(core != NULL, "the library can't be loaded");
    *(void **)&start_flat = dlsym(core, "tw_start_flat");
    *(void **)&test_invocation_begin = dlsym(core, "tw_invocation_begin");
    int result = start_flat(string, "/nowhere", "c", "", message, sizeof message);

    dup2(saved, STDERR_FILENO);
    close(saved);
    CHECK(result == TW_OK, "%s", message);
    test_audit_count(pipes[0]); /* the first line */
}

#endif
