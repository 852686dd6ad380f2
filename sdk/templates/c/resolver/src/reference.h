/* References to secrets: what stands behind the key in a stack. Pure, and tested in tests/unit.c. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tells whether bytes are the name of a variable: capital letters, digits and `_`, and no digit first. */
bool reference_is_sound(const uint8_t *bytes, size_t len);

#endif
