/* A backend for targets where runit starts services. It computes files (render.c) and commands (session.c), and touches
 * nothing. */
#include "backend.h"
#include "punix_runtime.h"

void exports_meta_describe(exports_meta_info_t *ret) {
  *ret = (exports_meta_info_t){
      .id = PUNIX_LITERAL(PLUGIN_ID),
      .version = PUNIX_LITERAL(PLUGIN_VERSION),
      .summary = PUNIX_LITERAL("Runs services with runit."),
      .license = PUNIX_LITERAL("Apache-2.0"),
  };
}

/* It takes no configuration, and minds none. */
void exports_meta_check_config(backend_string_t *config, exports_meta_list_diagnostic_t *ret) {
  backend_string_free(config);
  *ret = (exports_meta_list_diagnostic_t){0};
}
