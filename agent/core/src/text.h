/* Building lines without libc's formatted output, which is not safe in the child of a vfork. */
#ifndef TW_TEXT_H
#define TW_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A line under construction; what does not fit is left out, and `cut` says so. */
struct tw_text {
    char *start;
    size_t size, length;
    bool cut;
};

void tw_text_put(struct tw_text *text, const char *bytes, size_t length);
void tw_text_add(struct tw_text *text, const char *string);
void tw_text_number(struct tw_text *text, unsigned long number);

/* At least `width` digits, zeros in front. */
void tw_text_padded(struct tw_text *text, unsigned long number, unsigned width);

/* The inside of a JSON string: escaped, and what is no UTF-8 replaced. At most `most` bytes of `string`. */
void tw_text_escaped(struct tw_text *text, const char *string, size_t most);

/* `,"key":"value"`; nothing when the value is NULL. */
void tw_text_field(struct tw_text *text, const char *key, const char *value, size_t most);

#endif
