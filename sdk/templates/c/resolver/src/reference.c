#include "reference.h"

bool reference_is_sound(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    bool letter = (bytes[i] >= 'A' && bytes[i] <= 'Z') || bytes[i] == '_';
    bool digit = bytes[i] >= '0' && bytes[i] <= '9';
    if (!letter && !(digit && i > 0)) {
      return false;
    }
  }
  return len > 0;
}
