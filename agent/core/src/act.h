/* What a verdict leads to: the audit, and the end of the environment where the effect is "block". Safe in the child of
 * a vfork. */
#ifndef TW_ACT_H
#define TW_ACT_H

#include "audit.h"
#include "judge.h"

/* Audits a verdict that denies, ends the environment if it blocks. Returns whether the call must fail; false for a
 * verdict that allows. Keeps errno. */
bool tw_act(const struct tw_verdict *verdict, enum tw_audit_type type, const struct tw_detail *details, size_t count);

#endif
