/* What a service is on a target: a script that runs it. Pure, and tested in tests/unit.c. */
#ifndef SERVICE_H
#define SERVICE_H

#include "backend.h"
#include "punix_runtime.h"

/* Tells whether bytes can be the name of a service: letters, digits, `_`, `.` and `-`. */
bool service_is_name(const uint8_t *bytes, size_t len);

/* Tells whether bytes are the name of a variable. */
bool service_is_variable(const uint8_t *bytes, size_t len);

/* Appends the script that runs a service; its environment comes from a file beside it. */
void service_script(punix_text *script, const backend_list_string_t *argv);

/* Reads what `sv status` says: `run: web: (pid 12) 34s`, `down: web: 5s`, `fail: web: ...`. */
exports_backend_run_state_t service_state(const uint8_t *bytes, size_t len);

#endif
