/* The part of stdlib.h that plugins have. There is no libc: see runtime/punix_runtime.h. */
#ifndef PUNIX_STDLIB_H
#define PUNIX_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void free(void *block);
_Noreturn void abort(void);

#endif
