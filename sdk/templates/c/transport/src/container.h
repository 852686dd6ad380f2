/* Containers: what can be reached. Pure, and tested in tests/unit.c. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tells whether bytes are the name of a container: letters, digits, `_`, `.` and `-`, beginning with a letter or a digit.
 * A name that began with `-` would be taken for an option. */
bool container_is_name(const uint8_t *bytes, size_t len);

#endif
