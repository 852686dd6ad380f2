/* The part of string.h that plugins have. There is no libc: see runtime/punix_runtime.h. */
#ifndef PUNIX_STRING_H
#define PUNIX_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *one, const void *other, size_t size);
void *memchr(const void *in, int byte, size_t size);
size_t strlen(const char *text);
int strcmp(const char *one, const char *other);

#endif
