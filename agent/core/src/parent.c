#include "parent.h"

#include "text.h"

#include <string.h>

/* Fields end in this letter, the last one as well. */
enum { END = ';', NUMBERS = 9 };

static const char version[] = "1";
static const char digits[] = "0123456789abcdef";

static bool is_plain(unsigned char letter)
{
    return letter > 0x20 && letter < 0x7f && letter != END && letter != '%';
}

static void put_escaped(struct tw_text *text, const char *string)
{
    for (; *string != '\0'; string++) {
        unsigned char letter = (unsigned char)*string;
        const char escaped[] = {'%', digits[letter >> 4], digits[letter & 15]};

        if (is_plain(letter))
            tw_text_put(text, string, 1);
        else
            tw_text_put(text, escaped, sizeof escaped);
    }
}

static void put_field(struct tw_text *text, const char *string)
{
    put_escaped(text, string == NULL ? "" : string);
    tw_text_add(text, ";");
}

static void put_number(struct tw_text *text, uint64_t number)
{
    tw_text_number(text, number);
    tw_text_add(text, ";");
}

size_t tw_parent_write(const struct tw_parent *parent, char *output, size_t size)
{
    struct tw_text text = {.start = output, .size = size};
    /* Descriptors are one more than they are: there may be none. */
    const uint64_t numbers[NUMBERS] = {
        (uint64_t)parent->process, parent->start,
        (uint64_t)(parent->stream.descriptor + 1), parent->stream.device, parent->stream.inode,
        parent->stream_has_place,
        (uint64_t)(parent->ring.descriptor + 1), parent->ring.device, parent->ring.inode,
    };

    put_field(&text, version);
    for (size_t i = 0; i < NUMBERS; i++)
        put_number(&text, numbers[i]);
    put_field(&text, parent->runtime);
    put_field(&text, parent->readable);
    for (size_t i = 0; parent->variables[i] != NULL; i++)
        put_field(&text, parent->variables[i]);
    return text.cut ? 0 : text.length;
}

size_t tw_parent_escape(const char *string, char *output, size_t size)
{
    struct tw_text text = {.start = output, .size = size == 0 ? 0 : size - 1};

    put_escaped(&text, string);
    if (text.cut || size == 0)
        return 0;
    output[text.length] = '\0';
    return text.length;
}

static int digit(char letter)
{
    const char *found = letter == '\0' ? NULL : strchr(digits, letter);

    return found == NULL ? -1 : (int)(found - digits);
}

bool tw_parent_unescape(char *text)
{
    char *output = text;

    for (; *text != '\0'; text++) {
        if (*text != '%') {
            *output++ = *text;
            continue;
        }
        int high = digit(text[1]), low = high < 0 ? -1 : digit(text[2]);

        if (low < 0 || (high == 0 && low == 0))
            return false;
        *output++ = (char)(high << 4 | low);
        text += 2;
    }
    *output = '\0';
    return true;
}

/* The next field, or NULL when there is none. */
static char *take(char **at)
{
    char *field = *at, *end = strchr(field, END);

    if (end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return tw_parent_unescape(field) ? field : NULL;
}

static bool take_number(char **at, uint64_t *number)
{
    const char *field = take(at);

    *number = 0;
    if (field == NULL || *field == '\0' || strlen(field) > 20)
        return false;
    for (; *field != '\0'; field++) {
        unsigned next = (unsigned)(*field - '0');

        if (*field < '0' || *field > '9' || *number > (UINT64_MAX - next) / 10)
            return false;
        *number = *number * 10 + next;
    }
    return true;
}

/* NULL where it is empty. */
static bool take_text(char **at, const char **text)
{
    const char *field = take(at);

    *text = field == NULL || *field == '\0' ? NULL : field;
    return field != NULL;
}

static bool take_variables(char **at, struct tw_parent *parent)
{
    for (size_t i = 0; i <= TW_PARENT_VARIABLES; i++) {
        parent->variables[i] = NULL;
        if (**at == '\0')
            return true;
        if (i == TW_PARENT_VARIABLES || !take_text(at, &parent->variables[i]) || parent->variables[i] == NULL ||
            strchr(parent->variables[i], '=') == NULL)
            return false;
    }
    return false;
}

bool tw_parent_read(char *text, struct tw_parent *parent)
{
    uint64_t numbers[NUMBERS];
    char *at = text;
    const char *first = take(&at);

    if (first == NULL || strcmp(first, version) != 0)
        return false;
    for (size_t i = 0; i < NUMBERS; i++)
        if (!take_number(&at, &numbers[i]))
            return false;
    if (numbers[0] == 0 || numbers[0] > INT32_MAX || numbers[2] > INT32_MAX || numbers[6] > INT32_MAX)
        return false;
    *parent = (struct tw_parent){
        .process = (pid_t)numbers[0],
        .start = numbers[1],
        .stream = {(int)numbers[2] - 1, numbers[3], numbers[4]},
        .stream_has_place = numbers[5] != 0,
        .ring = {(int)numbers[6] - 1, numbers[7], numbers[8]},
    };
    return take_text(&at, &parent->runtime) && take_text(&at, &parent->readable) && take_variables(&at, parent);
}
