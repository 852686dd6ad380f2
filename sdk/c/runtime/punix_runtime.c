/* Memory, and the functions of include/string.h. Only for the component: on the author's machine the libc has them.
 *
 * The allocator keeps its free blocks in a list ordered by address, takes the first that fits, and joins neighbours. An
 * instance lives for one call, so this has to be small and right, and need not be fast. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define UNIT 16u /* everything is a multiple of it: the largest alignment that is asked for */
#define PAGE 65536u

/* Stands before every block. */
typedef struct block {
  size_t size; /* without this */
  struct block *next;
} __attribute__((aligned(UNIT))) block;

extern unsigned char __heap_base;

static block *first;  /* of the free blocks */
static uintptr_t top; /* what is above was never given out */

_Noreturn void abort(void) {
  __builtin_trap();
}

static uintptr_t bottom(void) {
  return ((uintptr_t)&__heap_base + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
}

/* Takes memory that was never given out. */
static block *fresh(size_t size) {
  if (top == 0) {
    top = bottom();
  }
  if (size > UINTPTR_MAX - top - sizeof(block)) {
    return NULL;
  }
  uintptr_t end = top + sizeof(block) + size;
  uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end > have) {
    size_t pages = (end - have + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) {
      return NULL;
    }
  }
  block *made = (block *)top;
  made->size = size;
  top = end;
  return made;
}

void *malloc(size_t wanted) {
  if (wanted > SIZE_MAX / 2) {
    return NULL;
  }
  size_t size = (wanted + UNIT - 1) & ~(size_t)(UNIT - 1);
  if (size == 0) {
    size = UNIT;
  }
  for (block **link = &first; *link != NULL; link = &(*link)->next) {
    block *found = *link;
    if (found->size < size) {
      continue;
    }
    if (found->size >= size + sizeof(block) + UNIT) {
      block *rest = (block *)((uintptr_t)(found + 1) + size);
      rest->size = found->size - size - sizeof(block);
      rest->next = found->next;
      found->size = size;
      *link = rest;
    } else {
      *link = found->next;
    }
    return found + 1;
  }
  block *made = fresh(size);
  return made == NULL ? NULL : made + 1;
}

void free(void *given) {
  uintptr_t at = (uintptr_t)given;
  if (at < bottom() + sizeof(block) || at > top || at % UNIT != 0) {
    return; /* a literal, or nothing */
  }
  block *freed = (block *)given - 1;
  block *before = NULL;
  block *after = first;
  while (after != NULL && after < freed) {
    before = after;
    after = after->next;
  }
  freed->next = after;
  if (after != NULL && (uintptr_t)(freed + 1) + freed->size == (uintptr_t)after) {
    freed->size += sizeof(block) + after->size;
    freed->next = after->next;
  }
  if (before == NULL) {
    first = freed;
  } else if ((uintptr_t)(before + 1) + before->size == (uintptr_t)freed) {
    before->size += sizeof(block) + freed->size;
    before->next = freed->next;
  } else {
    before->next = freed;
  }
}

void *calloc(size_t count, size_t size) {
  if (size > 0 && count > SIZE_MAX / size) {
    return NULL;
  }
  void *made = malloc(count * size);
  return made == NULL ? NULL : memset(made, 0, count * size);
}

void *realloc(void *old, size_t size) {
  if (old == NULL) {
    return malloc(size);
  }
  size_t had = ((block *)old - 1)->size;
  if (size <= had) {
    return old;
  }
  void *made = malloc(size);
  if (made != NULL) {
    memcpy(made, old, had);
    free(old);
  }
  return made;
}

/* These are compiled with -fno-builtin: a loop that copies must not become a call of itself. */

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  return memmove(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) {
  unsigned char *into = to;
  const unsigned char *out = from;
  if ((uintptr_t)into < (uintptr_t)out) {
    for (size_t i = 0; i < size; i++) {
      into[i] = out[i];
    }
  } else {
    for (size_t i = size; i > 0; i--) {
      into[i - 1] = out[i - 1];
    }
  }
  return to;
}

void *memset(void *to, int byte, size_t size) {
  unsigned char *into = to;
  for (size_t i = 0; i < size; i++) {
    into[i] = (unsigned char)byte;
  }
  return to;
}

int memcmp(const void *one, const void *other, size_t size) {
  const unsigned char *a = one;
  const unsigned char *b = other;
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i]) {
      return a[i] < b[i] ? -1 : 1;
    }
  }
  return 0;
}

void *memchr(const void *in, int byte, size_t size) {
  const unsigned char *at = in;
  for (size_t i = 0; i < size; i++) {
    if (at[i] == (unsigned char)byte) {
      return (void *)(at + i);
    }
  }
  return NULL;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != '\0') {
    length++;
  }
  return length;
}

int strcmp(const char *one, const char *other) {
  size_t at = 0;
  while (one[at] != '\0' && one[at] == other[at]) {
    at++;
  }
  unsigned char a = (unsigned char)one[at];
  unsigned char b = (unsigned char)other[at];
  return a < b ? -1 : a > b;
}

/* The bindings ask for an object file that describes the interfaces. `punix plugin build` adds that description itself. */
void __component_type_object_force_link_backend(void) {}
void __component_type_object_force_link_resolver(void) {}
void __component_type_object_force_link_transport(void) {}
