/* Tests of what is pure, with the compiler and the libc of this machine: `make test`. */
#include "service.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void check(const char *what, bool holds) {
  if (!holds) {
    printf("%s\n", what);
    failures++;
  }
}

static exports_backend_run_state_t state(const char *said) {
  return service_state((const uint8_t *)said, strlen(said));
}

static bool service(const char *name) {
  return service_is_name((const uint8_t *)name, strlen(name));
}

static bool variable(const char *name) {
  return service_is_variable((const uint8_t *)name, strlen(name));
}

int main(void) {
  backend_string_t words[] = {PUNIX_LITERAL("/store/web"), PUNIX_LITERAL("it's")};
  backend_list_string_t argv = {.ptr = words, .len = 2};
  punix_text script = {0};
  service_script(&script, &argv);
  const char *expected = "#!/bin/sh\n. ./environment\nexec '/store/web' 'it'\\''s'\n";
  check("the script quotes every word", punix_is(script.ptr, script.len, expected));
  punix_text_free(&script);

  check("names of services", service("web") && service("a-1.b_c") && !service("") && !service("two words"));
  check("names of variables", variable("PORT") && variable("_a1"));
  check("other names", !variable("") && !variable("1A") && !variable("A B") && !variable("A="));
  check("what runs", state("run: web: (pid 7) 2s") == EXPORTS_BACKEND_RUN_STATE_RUNNING);
  check("what does not", state("down: web: 5s") == EXPORTS_BACKEND_RUN_STATE_STOPPED);
  check("what is not there", state("fail: web: unable to change to service directory") == EXPORTS_BACKEND_RUN_STATE_MISSING);
  check("what nobody knows", state("") == EXPORTS_BACKEND_RUN_STATE_UNKNOWN);
  printf("%s\n", failures == 0 ? "ok" : "failed");
  return failures == 0 ? 0 : 1;
}
