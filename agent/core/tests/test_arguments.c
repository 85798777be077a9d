/* Copies of arguments: the same words in other memory, and nothing beyond their size. */
#include "arguments.h"
#include "test.h"

#include <errno.h>

static void copies(char *const argv[], size_t wanted)
{
    size_t size = tw_arguments_size(argv);

    CHECK(size == wanted, "%zu", size);
    if (size == 0) {
        CHECK(tw_arguments_copy(argv, NULL, 0) == argv, "not copied");
        return;
    }
    void *memory = malloc(size); /* exactly: the sanitizer sees each byte beyond */
    char *const *copy = tw_arguments_copy(argv, memory, size);
    size_t count = 0;

    CHECK(copy != NULL && (const void *)copy == memory, "the copy begins with its pointers");
    for (; copy != NULL && argv[count] != NULL; count++)
        CHECK(copy[count] != argv[count] && strcmp(copy[count], argv[count]) == 0, "argument %zu", count);
    CHECK(copy != NULL && copy[count] == NULL, "the end");
    free(memory);
}

/* Another thread may lengthen them between measuring and copying. */
static void grown(void)
{
    char word[16] = "a";
    char *argv[] = {word, NULL, NULL};
    size_t size = tw_arguments_size(argv);
    void *memory = malloc(size);

    memcpy(word, "longer", 7);
    errno = 0;
    CHECK(tw_arguments_copy(argv, memory, size) == NULL && errno == EFAULT, "a longer word");
    memcpy(word, "a", 2);
    argv[1] = word;
    CHECK(tw_arguments_copy(argv, memory, size) == NULL, "a word more");
    argv[0] = NULL;
    char *const *copy = tw_arguments_copy(argv, memory, size);

    CHECK(copy != NULL && copy[0] == NULL, "fewer words");
    free(memory);
}

int main(void)
{
    static char longest[TW_ARGUMENTS_LARGEST];
    char one[] = "one", empty[] = "", two[] = "two words";

    copies((char *[]){NULL}, sizeof(char *));
    copies((char *[]){one, empty, two, NULL}, 4 * sizeof(char *) + sizeof one + sizeof empty + sizeof two);
    CHECK(tw_arguments_size(NULL) == 0 && tw_arguments_copy(NULL, NULL, 0) == NULL, "none");
    memset(longest, 'x', sizeof longest - 1);
    copies((char *[]){longest, NULL}, 0);
    longest[sizeof longest - 2 * sizeof(char *) - 1] = '\0';
    copies((char *[]){longest, NULL}, TW_ARGUMENTS_LARGEST);
    grown();
    return test_end("arguments");
}
