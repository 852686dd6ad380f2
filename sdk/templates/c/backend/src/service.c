#include "service.h"

bool service_is_name(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    uint8_t byte = bytes[i];
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    bool digit = byte >= '0' && byte <= '9';
    if (!letter && !digit && byte != '_' && byte != '.' && byte != '-') {
      return false;
    }
  }
  return len > 0;
}

bool service_is_variable(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    uint8_t byte = bytes[i];
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
    bool digit = byte >= '0' && byte <= '9';
    if (!letter && !(digit && i > 0)) {
      return false;
    }
  }
  return len > 0;
}

void service_script(punix_text *script, const backend_list_string_t *argv) {
  punix_text_put(script, "#!/bin/sh\n. ./environment\nexec");
  for (size_t i = 0; i < argv->len; i++) {
    punix_text_put(script, " ");
    punix_text_shell(script, argv->ptr[i].ptr, argv->ptr[i].len);
  }
  punix_text_put(script, "\n");
}

exports_backend_run_state_t service_state(const uint8_t *bytes, size_t len) {
  if (punix_begins(bytes, len, "run:")) {
    return EXPORTS_BACKEND_RUN_STATE_RUNNING;
  }
  if (punix_begins(bytes, len, "down:")) {
    return EXPORTS_BACKEND_RUN_STATE_STOPPED;
  }
  if (punix_begins(bytes, len, "fail:") || punix_begins(bytes, len, "warning:")) {
    return EXPORTS_BACKEND_RUN_STATE_MISSING;
  }
  return EXPORTS_BACKEND_RUN_STATE_UNKNOWN;
}
