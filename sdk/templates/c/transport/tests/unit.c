/* Tests of what is pure, with the compiler and the libc of this machine: `make test`. */
#include "container.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void check(const char *text, bool expected) {
  if (container_is_name((const uint8_t *)text, strlen(text)) != expected) {
    printf("`%s`: expected %s\n", text, expected ? "a name" : "refused");
    failures++;
  }
}

int main(void) {
  check("web-1", true);
  check("0.a_B", true);
  check("", false);
  check("-it", false);
  check(".a", false);
  check("a b", false);
  check("a/b", false);
  printf("%s\n", failures == 0 ? "ok" : "failed");
  return failures == 0 ? 0 : 1;
}
