#include "names.h"

bool tw_name_read(const char *text, size_t length, char name[TW_NAME])
{
    bool plain = true;

    while (length > 0 && text[length - 1] == '.')
        length--;
    if (length >= TW_NAME) {
        length = TW_NAME - 1;
        plain = false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char letter = (unsigned char)text[i];

        plain &= letter > ' ' && letter < 0x7f && letter != '\\';
        name[i] = (char)(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
    }
    name[length] = '\0';
    return plain;
}
