/* Tests of what is pure, with the compiler and the libc of this machine: `make test`. */
#include "reference.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void check(const char *text, bool expected) {
  if (reference_is_sound((const uint8_t *)text, strlen(text)) != expected) {
    printf("`%s`: expected %s\n", text, expected ? "sound" : "refused");
    failures++;
  }
}

int main(void) {
  check("DB_PASSWORD", true);
  check("_A1", true);
  check("", false);
  check("1A", false);
  check("db", false);
  check("A B", false);
  check("A=B", false);
  printf("%s\n", failures == 0 ? "ok" : "failed");
  return failures == 0 ? 0 : 1;
}
