/* Renders a stack: for each service a directory with a script and the environment, which has a file of its own, since only
 * its owner may read it when there are secrets in it. */
#include "service.h"

#include <string.h>

static const uint32_t SCRIPT_MODE = 0755;
static const uint32_t PUBLIC_MODE = 0644;
static const uint32_t SECRET_MODE = 0600;

static backend_string_t joined(const backend_string_t *one, const char *between, const backend_string_t *other) {
  punix_text text = {0};
  punix_text_add(&text, one->ptr, one->len);
  punix_text_put(&text, between);
  punix_text_add(&text, other->ptr, other->len);
  return (backend_string_t)PUNIX_MOVE(text);
}

static backend_string_t copy(const backend_string_t *from) {
  backend_string_t to;
  backend_string_dup_n(&to, (const char *)from->ptr, from->len);
  return to;
}

static bool refuse(const backend_string_t *service, const char *member, const char *message,
                   exports_backend_error_t *err) {
  *err = (exports_backend_error_t){.class_ = PUNIX_ERROR_CLASS_INVALID_INPUT, .at = {.is_some = true}};
  backend_string_dup(&err->code, "punix-template.service");
  backend_string_dup(&err->message, message);
  punix_text at = {0};
  punix_text_put(&at, "services.");
  punix_text_add(&at, service->ptr, service->len);
  punix_text_put(&at, member);
  err->at.val = (backend_string_t)PUNIX_MOVE(at);
  return false;
}

/* Appends what was written so far as a chunk, and begins anew. */
static void flush(punix_text *text, exports_backend_list_chunk_t *body) {
  if (text->len > 0) {
    body->ptr[body->len++] = (exports_backend_chunk_t){.tag = EXPORTS_BACKEND_CHUNK_TEXT, .val = {.text = PUNIX_MOVE(*text)}};
    *text = (punix_text){0};
  }
}

/* Returns whether there is a secret in it. */
static bool environment(const exports_backend_service_t *service, exports_backend_list_chunk_t *body) {
  size_t pieces = 1;
  for (size_t i = 0; i < service->env.len; i++) {
    pieces += 2 * service->env.ptr[i].f1.len;
  }
  *body = (exports_backend_list_chunk_t){.ptr = punix_new(pieces * sizeof(*body->ptr))};
  punix_text text = {0};
  bool secret = false;
  for (size_t i = 0; i < service->env.len; i++) {
    const backend_string_t *name = &service->env.ptr[i].f0;
    const exports_backend_list_chunk_t *value = &service->env.ptr[i].f1;
    punix_text_put(&text, "export ");
    punix_text_add(&text, name->ptr, name->len);
    punix_text_put(&text, "=");
    for (size_t j = 0; j < value->len; j++) {
      exports_backend_chunk_t chunk = value->ptr[j];
      if (chunk.tag == EXPORTS_BACKEND_CHUNK_TEXT) {
        punix_text_shell(&text, chunk.val.text.ptr, chunk.val.text.len);
        continue;
      }
      flush(&text, body);
      backend_string_dup(&chunk.val.secret.f1, "shell.single");
      body->ptr[body->len++] = chunk;
      secret = true;
    }
    punix_text_put(&text, "\n");
  }
  flush(&text, body);
  return secret;
}

static exports_backend_file_t file(const backend_string_t *directory, const char *name, uint32_t mode,
                                   exports_backend_list_chunk_t body, const backend_string_t *unit) {
  backend_string_t empty = {0};
  exports_backend_file_t made = {.path = joined(directory, name, &empty), .mode = mode, .body = body};
  made.restarts = (backend_list_string_t){.ptr = punix_new(sizeof(backend_string_t)), .len = 1};
  made.restarts.ptr[0] = copy(unit);
  return made;
}

static bool is_sound(const exports_backend_service_t *service, exports_backend_error_t *err) {
  if (!service_is_name(service->name.ptr, service->name.len)) {
    return refuse(&service->name, ".name", "this cannot be the name of a service", err);
  }
  if (service->argv.len == 0) {
    return refuse(&service->name, ".argv", "it runs nothing", err);
  }
  for (size_t i = 0; i < service->argv.len; i++) {
    if (memchr(service->argv.ptr[i].ptr, 0, service->argv.ptr[i].len) != NULL) {
      return refuse(&service->name, ".argv", "a word of a command cannot hold NUL", err);
    }
  }
  for (size_t i = 0; i < service->env.len; i++) {
    if (!service_is_variable(service->env.ptr[i].f0.ptr, service->env.ptr[i].f0.len)) {
      return refuse(&service->name, ".env", "there is a name in it that no variable can have", err);
    }
    for (size_t j = 0; j < service->env.ptr[i].f1.len; j++) {
      const exports_backend_chunk_t *chunk = &service->env.ptr[i].f1.ptr[j];
      if (chunk->tag == EXPORTS_BACKEND_CHUNK_TEXT && memchr(chunk->val.text.ptr, 0, chunk->val.text.len) != NULL) {
        return refuse(&service->name, ".env", "a variable cannot hold NUL", err);
      }
    }
  }
  return true;
}

bool exports_backend_render(exports_backend_stack_t *st, exports_backend_facts_t *facts,
                            exports_backend_rendering_t *ret, exports_backend_error_t *err) {
  (void)facts; /* nothing is different from one target to another */
  if (st->scope == EXPORTS_BACKEND_SCOPE_USER) {
    *err = (exports_backend_error_t){.class_ = PUNIX_ERROR_CLASS_UNSUPPORTED, .at = {.is_some = true}};
    backend_string_dup(&err->code, "punix-template.scope");
    backend_string_dup(&err->message, "services of one user are not run by this backend");
    backend_string_dup(&err->at.val, "scope");
    return false;
  }
  backend_string_t usual = PUNIX_LITERAL("/etc/sv");
  const backend_string_t *root = st->unit_dir.is_some ? &st->unit_dir.val : &usual;
  size_t count = st->services.len;
  *ret = (exports_backend_rendering_t){0};
  ret->files.ptr = punix_new(2 * count * sizeof(*ret->files.ptr));
  ret->units.ptr = punix_new(count * sizeof(*ret->units.ptr));
  for (size_t i = 0; i < count; i++) {
    const exports_backend_service_t *service = &st->services.ptr[i];
    if (!is_sound(service, err)) {
      return false;
    }
    backend_string_t unit = joined(&st->name, "-", &service->name);
    backend_string_t directory = joined(root, "/", &unit);
    exports_backend_list_chunk_t body;
    bool secret = environment(service, &body);
    ret->files.ptr[ret->files.len++] =
        file(&directory, "/environment", secret ? SECRET_MODE : PUBLIC_MODE, body, &unit);
    punix_text script = {0};
    service_script(&script, &service->argv);
    body = (exports_backend_list_chunk_t){.ptr = punix_new(sizeof(*body.ptr))};
    flush(&script, &body);
    ret->files.ptr[ret->files.len++] = file(&directory, "/run", SCRIPT_MODE, body, &unit);
    ret->units.ptr[ret->units.len++] =
        (exports_backend_unit_t){.name = unit, .service = copy(&service->name), .starts_at_boot = true};
    backend_string_free(&directory);
  }
  return true;
}
