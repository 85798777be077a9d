/* Room "match": patterns. `*` is a wildcard at the start and at the end, elsewhere a plain character. */
#ifndef TW_MATCH_H
#define TW_MATCH_H

#include <stdbool.h>

/* Without regard to case means the 26 letters of ASCII. */
bool tw_match(const char *pattern, const char *value, bool case_sensitive);

/* The part behind the last slash. */
const char *tw_base_name(const char *path);

#endif
