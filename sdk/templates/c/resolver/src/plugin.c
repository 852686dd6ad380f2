/* A resolver that finds secrets in the environment: `{ from_template = "DB_PASSWORD" }` is the variable DB_PASSWORD. It
 * passes handles on and never sees a secret. */
#include "punix_runtime.h"
#include "reference.h"
#include "resolver.h"

#include <stdlib.h>

void exports_meta_describe(exports_meta_info_t *ret) {
  *ret = (exports_meta_info_t){
      .id = PUNIX_LITERAL(PLUGIN_ID),
      .version = PUNIX_LITERAL(PLUGIN_VERSION),
      .summary = PUNIX_LITERAL("Finds secrets in the environment."),
      .license = PUNIX_LITERAL("Apache-2.0"),
  };
}

/* It takes no configuration, and minds none. */
void exports_meta_check_config(resolver_string_t *config, exports_meta_list_diagnostic_t *ret) {
  resolver_string_free(config);
  *ret = (exports_meta_list_diagnostic_t){0};
}

static exports_resolver_error_t fault(punix_error_class_t class, const char *code, const char *words,
                                      const resolver_string_t *subject) {
  exports_resolver_error_t error = {.class_ = class};
  resolver_string_dup(&error.code, code);
  punix_text message = {0};
  punix_text_put(&message, "`");
  punix_text_add(&message, subject->ptr, subject->len);
  punix_text_put(&message, "` ");
  punix_text_put(&message, words);
  error.message = (resolver_string_t)PUNIX_MOVE(message);
  return error;
}

bool exports_resolver_parse(resolver_string_t *reference, resolver_string_t *ret, exports_resolver_error_t *err) {
  if (!reference_is_sound(reference->ptr, reference->len)) {
    *err = fault(PUNIX_ERROR_CLASS_INVALID_INPUT, "punix-template.name", "is not the name of a variable", reference);
    return false;
  }
  *ret = *reference; /* as it is; the host frees it */
  return true;
}

static void resolve(exports_resolver_request_t *request, exports_resolver_result_resolved_error_t *answer) {
  resolver_string_t *name = &request->reference;
  answer->is_err = true;
  if (!reference_is_sound(name->ptr, name->len)) {
    answer->val.err = fault(PUNIX_ERROR_CLASS_INVALID_INPUT, "punix-template.name", "is not the name of a variable", name);
    return;
  }
  punix_env_option_own_secret_t found;
  if (!punix_env_get_secret(name, &found, &answer->val.err)) {
    return;
  }
  if (!found.is_some) {
    answer->val.err = fault(PUNIX_ERROR_CLASS_NOT_FOUND, "punix-template.unset", "is not set", name);
    return;
  }
  answer->is_err = false;
  answer->val.ok = (exports_resolver_resolved_t){.value = found.val};
}

void exports_resolver_resolve_all(exports_resolver_list_request_t *reqs,
                                  exports_resolver_list_result_resolved_error_t *ret) {
  ret->len = reqs->len;
  ret->ptr = punix_new(reqs->len * sizeof(*ret->ptr));
  for (size_t i = 0; i < reqs->len; i++) {
    resolve(&reqs->ptr[i], &ret->ptr[i]);
  }
  exports_resolver_list_request_free(reqs);
}
