/* A transport that reaches containers: it starts `docker exec` and passes on the pipe to it. What goes over the pipe never
 * comes in here. */
#include "container.h"
#include "punix_runtime.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>

/* A container that programs can be started in. Nothing has to be kept open for that. */
struct exports_transport_link_t {
  transport_string_t name;
  transport_option_string_t user;
};

void exports_meta_describe(exports_meta_info_t *ret) {
  *ret = (exports_meta_info_t){
      .id = PUNIX_LITERAL(PLUGIN_ID),
      .version = PUNIX_LITERAL(PLUGIN_VERSION),
      .summary = PUNIX_LITERAL("Reaches containers with docker exec."),
      .license = PUNIX_LITERAL("Apache-2.0"),
  };
}

/* It takes no configuration, and minds none. */
void exports_meta_check_config(transport_string_t *config, exports_meta_list_diagnostic_t *ret) {
  transport_string_free(config);
  *ret = (exports_meta_list_diagnostic_t){0};
}

static bool refuse(const char *at, const char *message, exports_transport_error_t *err) {
  *err = (exports_transport_error_t){.class_ = PUNIX_ERROR_CLASS_INVALID_INPUT, .at = {.is_some = true}};
  transport_string_dup(&err->code, "punix-template.target");
  transport_string_dup(&err->message, message);
  transport_string_dup(&err->at.val, at);
  return false;
}

/* Two texts for one container come out equal. */
bool exports_transport_normalise(exports_transport_endpoint_t *to, exports_transport_endpoint_t *ret,
                                 exports_transport_error_t *err) {
  if (to->port.is_some) {
    return refuse("port", "a container has no port", err);
  }
  if (to->path.is_some && !punix_is(to->path.val.ptr, to->path.val.len, "/")) {
    return refuse("path", "a container is not reached by a path", err);
  }
  if (!container_is_name(to->host.ptr, to->host.len)) {
    return refuse("host", "this is not the name of a container", err);
  }
  *ret = *to; /* the host frees it */
  ret->path.is_some = false;
  return true;
}

bool exports_transport_static_link_open(exports_transport_endpoint_t *to, exports_transport_own_link_t *ret,
                                        exports_transport_error_t *err) {
  exports_transport_endpoint_t known;
  if (!exports_transport_normalise(to, &known, err)) {
    return false;
  }
  exports_transport_link_t *link = punix_new(sizeof(*link));
  *link = (exports_transport_link_t){.name = known.host, .user = known.user};
  *ret = exports_transport_link_new(link);
  return true;
}

bool exports_transport_method_link_start(exports_transport_borrow_link_t self, transport_list_string_t *argv,
                                         exports_transport_own_pipe_t *ret, exports_transport_error_t *err) {
  transport_string_t before[] = {
      PUNIX_LITERAL("/usr/bin/docker"), PUNIX_LITERAL("exec"), PUNIX_LITERAL("-i"), PUNIX_LITERAL("--user"), self->user.val,
  };
  size_t count = sizeof(before) / sizeof(before[0]) - (self->user.is_some ? 0 : 2);
  transport_list_string_t words = {.len = count + 1 + argv->len};
  words.ptr = punix_new(words.len * sizeof(*words.ptr));
  memcpy(words.ptr, before, count * sizeof(*words.ptr));
  words.ptr[count] = self->name;
  memcpy(words.ptr + count + 1, argv->ptr, argv->len * sizeof(*words.ptr));
  transport_list_tuple2_string_string_t no_environment = {0};
  bool started = punix_spawn_start(&words, &no_environment, ret, err);
  free(words.ptr);
  transport_list_string_free(argv);
  return started;
}

bool exports_transport_static_link_close(exports_transport_own_link_t this_, exports_transport_error_t *err) {
  (void)err;
  exports_transport_link_drop_own(this_);
  return true;
}

void exports_transport_link_destructor(exports_transport_link_t *rep) {
  transport_string_free(&rep->name);
  transport_option_string_free(&rep->user);
  free(rep);
}
