/* The smallest of test frames: checks that count, and the cases that both sides' tests read. */
#ifndef TW_TEST_H
#define TW_TEST_H

#include "codec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned test_passed, test_failed;

#define CHECK(holds, ...)                                          \
    do {                                                           \
        if (holds) {                                               \
            test_passed++;                                         \
        } else {                                                   \
            test_failed++;                                         \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #holds); \
            fprintf(stderr, __VA_ARGS__);                          \
            fputc('\n', stderr);                                   \
        }                                                          \
    } while (0)

static inline int test_end(const char *name)
{
    printf("%s: %u passed, %u failed\n", name, test_passed, test_failed);
    return test_failed > 0 || test_passed == 0;
}

/* A whole file with a NUL behind it, to be freed. Ends the test when it can't be read. */
static inline char *test_read(const char *folder, const char *name, size_t *size)
{
    char path[4096];
    char *data = NULL;
    size_t capacity = 0;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");

    *size = 0;
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    do {
        capacity += 1 << 16;
        data = realloc(data, capacity + 1);
        *size += fread(data + *size, 1, capacity - *size, file);
    } while (*size == capacity);
    fclose(file);
    data[*size] = '\0';
    return data;
}

/* Calls `each` for every .json file of a folder; there has to be one at least. */
static inline void test_each(const char *cases, const char *part, void (*each)(const char *folder, const char *name))
{
    char folder[4096];
    unsigned count = 0;

    snprintf(folder, sizeof folder, "%s/%s", cases, part);
    DIR *directory = opendir(folder);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');

        if (dot != NULL && strcmp(dot, ".json") == 0) {
            each(folder, entry->d_name);
            count++;
        }
    }
    if (directory != NULL)
        closedir(directory);
    CHECK(count > 0, "no cases in %s", folder);
}

/* The value of a key in an object that the reader stands in front of: a reader in front of the value. */
static inline struct tw_json test_member(struct tw_json json, const char *wanted)
{
    char key[256];
    bool first = true;
    struct tw_json none = {.error = "no such key"};

    if (!tw_json_enter(&json, TW_JSON_OBJECT))
        return none;
    while (tw_json_next(&json, TW_JSON_OBJECT, &first)) {
        if (tw_json_key(&json, key, sizeof key) < 0)
            return none;
        if (strcmp(key, wanted) == 0)
            return json;
        tw_json_skip(&json);
    }
    return none;
}

/* A string member, to be freed; NULL when it is null or not there. */
static inline char *test_string(struct tw_json object, const char *key)
{
    struct tw_json value = test_member(object, key);
    char *text = malloc(1 << 18);

    if (text != NULL && tw_json_string(&value, text, 1 << 18) >= 0)
        return text;
    free(text);
    return NULL;
}

static inline bool test_flag(struct tw_json object, const char *key)
{
    struct tw_json value = test_member(object, key);
    bool flag = false;

    return tw_json_bool(&value, &flag) && flag;
}

/* Calls `each` for every row of a file that holds a list; there has to be one at least. */
static inline void test_rows(const char *cases, const char *name, void (*each)(struct tw_json row))
{
    size_t size, count = 0;
    char *data = test_read(cases, name, &size);
    struct tw_json json;
    bool first = true;

    tw_json_open(&json, data, size);
    if (tw_json_enter(&json, TW_JSON_ARRAY))
        while (tw_json_next(&json, TW_JSON_ARRAY, &first)) {
            each(json);
            tw_json_skip(&json);
            count++;
        }
    CHECK(json.error == NULL && count > 0, "%s: %s", name, json.error == NULL ? "empty" : json.error);
    free(data);
}

#endif
