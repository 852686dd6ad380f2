/* Texts that grow. This needs malloc and the functions of string.h alone, so the tests of a plugin can use it with the
 * libc of the author's machine. */
#include "punix_runtime.h"

#include <stdlib.h>
#include <string.h>

static const size_t ROOM_AT_FIRST = 64;

void *punix_new(size_t size) {
  void *block = malloc(size > 0 ? size : 1);
  if (block == NULL) {
    abort();
  }
  return block;
}

void punix_text_add(punix_text *text, const void *bytes, size_t len) {
  if (len == 0) {
    return;
  }
  if (len > SIZE_MAX / 2 - text->len) {
    abort();
  }
  if (text->len + len > text->room) {
    size_t room = text->room > 0 ? text->room : ROOM_AT_FIRST;
    while (room < text->len + len) {
      room *= 2;
    }
    uint8_t *moved = realloc(text->ptr, room);
    if (moved == NULL) {
      abort();
    }
    text->ptr = moved;
    text->room = room;
  }
  memcpy(text->ptr + text->len, bytes, len);
  text->len += len;
}

void punix_text_put(punix_text *text, const char *words) {
  punix_text_add(text, words, strlen(words));
}

void punix_text_number(punix_text *text, uint64_t number) {
  char digits[20]; /* what the largest number has */
  size_t at = sizeof(digits);
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  punix_text_add(text, digits + at, sizeof(digits) - at);
}

void punix_text_shell(punix_text *text, const void *bytes, size_t len) {
  const uint8_t *at = bytes;
  punix_text_put(text, "'");
  for (size_t i = 0; i < len; i++) {
    if (at[i] == '\'') {
      punix_text_put(text, "'\\''");
    } else {
      punix_text_add(text, at + i, 1);
    }
  }
  punix_text_put(text, "'");
}

void punix_text_free(punix_text *text) {
  free(text->ptr);
  *text = (punix_text){0};
}

bool punix_is(const void *bytes, size_t len, const char *words) {
  return len == strlen(words) && memcmp(bytes, words, len) == 0;
}

bool punix_begins(const void *bytes, size_t len, const char *words) {
  size_t wanted = strlen(words);
  return len >= wanted && memcmp(bytes, words, wanted) == 0;
}
