/* What plugins in C have in place of a libc: memory, the functions of include/string.h, and texts that grow.
 *
 * There are no files, no clock, no output and no locale. Text goes to people through punix_log_emit of the bindings.
 * Memory that is returned to the host is freed after the call with free(); what free() is given that was not allocated,
 * such as a literal, is left alone, so that literals can be returned too. When memory ends, the plugin stops. */
#ifndef PUNIX_RUNTIME_H
#define PUNIX_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows. Begins as {0}. Its bytes are not ended by a NUL. */
typedef struct punix_text {
  uint8_t *ptr;
  size_t len;
  size_t room;
} punix_text;

/* Appends bytes. */
void punix_text_add(punix_text *text, const void *bytes, size_t len);
/* Appends a text of C. */
void punix_text_put(punix_text *text, const char *words);
/* Appends a number. */
void punix_text_number(punix_text *text, uint64_t number);
/* Appends bytes as one word of a POSIX shell, in single quotes. */
void punix_text_shell(punix_text *text, const void *bytes, size_t len);
/* Frees it. */
void punix_text_free(punix_text *text);

/* Tells whether bytes are this text. */
bool punix_is(const void *bytes, size_t len, const char *words);
/* Tells whether bytes begin with this text. */
bool punix_begins(const void *bytes, size_t len, const char *words);

/* Allocates; never returns NULL. */
void *punix_new(size_t size);

/* A text of the bindings, such as resolver_string_t, that is a literal: PUNIX_LITERAL("text"). */
#define PUNIX_LITERAL(words) { (uint8_t *)(words), sizeof(words) - 1 }
/* Moves a growing text into a text of the bindings: PUNIX_MOVE(text) of a resolver_string_t. */
#define PUNIX_MOVE(text) { (text).ptr, (text).len }

#endif
