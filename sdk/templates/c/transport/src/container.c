#include "container.h"

static bool is_letter_or_digit(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

bool container_is_name(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    bool mark = bytes[i] == '_' || bytes[i] == '.' || bytes[i] == '-';
    if (!is_letter_or_digit(bytes[i]) && !(mark && i > 0)) {
      return false;
    }
  }
  return len > 0;
}
