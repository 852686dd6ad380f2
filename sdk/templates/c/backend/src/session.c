/* Fulfils wishes: the commands that change something in one step, a look at every unit in the next. The host runs the
 * commands; here they are only named, and what they did is read. */
#include "service.h"

#include <stdlib.h>

static const uint32_t TIMEOUT_MS = 30000;

struct exports_backend_session_t {
  exports_backend_list_wish_t wishes;
  enum { BEGIN, CHANGED, LOOKED } stage;
};

/* Makes a command of words; the one that is empty stands for the place of `subject`. */
static exports_backend_command_t command(bool mutates, const char *const *words, size_t count,
                                         const backend_string_t *subject) {
  exports_backend_command_t made = {.timeout_ms = TIMEOUT_MS, .mutates = mutates};
  made.argv = (backend_list_string_t){.ptr = punix_new(count * sizeof(backend_string_t)), .len = count};
  for (size_t i = 0; i < count; i++) {
    punix_text word = {0};
    punix_text_put(&word, words[i]);
    if (i > 0 && (words[i][0] == '\0' || words[i][0] == '/')) {
      punix_text_add(&word, subject->ptr, subject->len);
    }
    made.argv.ptr[i] = (backend_string_t)PUNIX_MOVE(word);
  }
  return made;
}

/* Returns whether a wish takes a command besides the look at the end. */
static bool change(const exports_backend_wish_t *wish, exports_backend_command_t *made) {
  const char *verb = NULL;
  switch (wish->action) {
    case EXPORTS_BACKEND_ACTION_START:
      verb = "start";
      break;
    case EXPORTS_BACKEND_ACTION_STOP:
      verb = "stop";
      break;
    case EXPORTS_BACKEND_ACTION_RESTART:
      verb = "restart";
      break;
    case EXPORTS_BACKEND_ACTION_RELOAD:
      verb = "hup";
      break;
    case EXPORTS_BACKEND_ACTION_ENABLE: {
      const char *const words[] = {"ln", "-sfn", "/etc/sv/", "/etc/service/"};
      *made = command(true, words, 4, &wish->unit);
      return true;
    }
    case EXPORTS_BACKEND_ACTION_DISABLE:
    case EXPORTS_BACKEND_ACTION_REMOVE: {
      const char *const words[] = {"rm", "-f", "/etc/service/"};
      *made = command(true, words, 3, &wish->unit);
      return true;
    }
    default:
      return false;
  }
  const char *const words[] = {"sv", verb, ""};
  *made = command(true, words, 3, &wish->unit);
  return true;
}

exports_backend_own_session_t exports_backend_constructor_session(exports_backend_stack_t *st,
                                                                  exports_backend_list_wish_t *wishes,
                                                                  exports_backend_facts_t *facts) {
  exports_backend_stack_free(st);
  exports_backend_facts_free(facts);
  exports_backend_session_t *session = punix_new(sizeof(*session));
  *session = (exports_backend_session_t){.wishes = *wishes, .stage = BEGIN};
  return exports_backend_session_new(session);
}

static void look(exports_backend_session_t *self, exports_backend_step_t *ret) {
  size_t count = self->wishes.len;
  if (count == 0) {
    *ret = (exports_backend_step_t){.tag = EXPORTS_BACKEND_STEP_DONE};
    return;
  }
  ret->tag = EXPORTS_BACKEND_STEP_ASK;
  ret->val.ask = (exports_backend_list_command_t){.ptr = punix_new(count * sizeof(*ret->val.ask.ptr)), .len = count};
  for (size_t i = 0; i < count; i++) {
    const char *const words[] = {"sv", "status", ""};
    ret->val.ask.ptr[i] = command(false, words, 3, &self->wishes.ptr[i].unit);
  }
  self->stage = LOOKED;
}

static void begin(exports_backend_session_t *self, exports_backend_step_t *ret) {
  exports_backend_list_command_t commands = {.ptr = punix_new(self->wishes.len * sizeof(*commands.ptr))};
  for (size_t i = 0; i < self->wishes.len; i++) {
    commands.len += change(&self->wishes.ptr[i], &commands.ptr[commands.len]) ? 1 : 0;
  }
  if (commands.len == 0) {
    free(commands.ptr);
    look(self, ret);
    return;
  }
  self->stage = CHANGED;
  ret->tag = EXPORTS_BACKEND_STEP_RUN;
  ret->val.run = commands;
}

static void fail(const exports_backend_observation_t *failed, exports_backend_step_t *ret) {
  ret->tag = EXPORTS_BACKEND_STEP_FAIL;
  ret->val.fail = (exports_backend_error_t){.class_ = PUNIX_ERROR_CLASS_PERMANENT};
  backend_string_dup(&ret->val.fail.code, "punix-template.command");
  const backend_string_t *said = failed->stderr_.len > 0 ? &failed->stderr_ : &failed->stdout_;
  punix_text message = {0};
  punix_text_put(&message, "a command failed: ");
  punix_text_add(&message, said->ptr, said->len);
  ret->val.fail.message = (backend_string_t)PUNIX_MOVE(message);
}

/* Returns the first line. */
static size_t line(const backend_string_t *text) {
  size_t len = 0;
  while (len < text->len && text->ptr[len] != '\n') {
    len++;
  }
  return len;
}

static void finish(exports_backend_session_t *self, const exports_backend_list_observation_t *seen,
                   exports_backend_step_t *ret) {
  size_t count = self->wishes.len;
  ret->tag = EXPORTS_BACKEND_STEP_DONE;
  ret->val.done = (exports_backend_list_status_t){.ptr = punix_new(count * sizeof(*ret->val.done.ptr)), .len = count};
  for (size_t i = 0; i < count; i++) {
    exports_backend_status_t *status = &ret->val.done.ptr[i];
    const backend_string_t *unit = &self->wishes.ptr[i].unit;
    *status = (exports_backend_status_t){.state = EXPORTS_BACKEND_RUN_STATE_UNKNOWN};
    backend_string_dup_n(&status->unit, (const char *)unit->ptr, unit->len);
    for (size_t j = 0; j < seen->len; j++) {
      const exports_backend_observation_t *answer = &seen->ptr[j];
      if (answer->command == i) {
        status->state = service_state(answer->stdout_.ptr, answer->stdout_.len);
        backend_string_dup_n(&status->detail, (const char *)answer->stdout_.ptr, line(&answer->stdout_));
        break;
      }
    }
  }
}

void exports_backend_method_session_next(exports_backend_borrow_session_t self,
                                         exports_backend_list_observation_t *seen, exports_backend_step_t *ret) {
  const exports_backend_observation_t *failed = NULL;
  for (size_t i = 0; i < seen->len && failed == NULL; i++) {
    failed = seen->ptr[i].code != 0 ? &seen->ptr[i] : NULL;
  }
  switch (self->stage) {
    case BEGIN:
      begin(self, ret);
      break;
    case CHANGED:
      if (failed != NULL) {
        fail(failed, ret);
      } else {
        look(self, ret);
      }
      break;
    case LOOKED:
      finish(self, seen, ret);
      break;
  }
  exports_backend_list_observation_free(seen);
}

void exports_backend_session_destructor(exports_backend_session_t *rep) {
  exports_backend_list_wish_free(&rep->wishes);
  free(rep);
}
