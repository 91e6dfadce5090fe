// The Godwit engine for C: runs a compiled int8 model in memory that the caller supplies. It needs
// memcpy, memmove and memset, and no heap, no file, no clock. One engine, one thread at a time.
// Link libgodwit_engine.a (and the compiler's libgcc). docs/engine.md, "As a library".
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GODWIT_ENGINE_ALIGNMENT 64 /* of each region of memory */
#define GODWIT_ENGINE_RANK_MAX 6

typedef struct godwit_engine godwit_engine;

typedef enum {
  GODWIT_ENGINE_OK = 0,
  GODWIT_ENGINE_CORRUPT,        /* the model is malformed: do not run it */
  GODWIT_ENGINE_NEWER,          /* the model needs a newer engine */
  GODWIT_ENGINE_UNKNOWN_PATH,   /* no instruction set of this name was built in */
  GODWIT_ENGINE_PATH_NOT_HERE,  /* this processor lacks the instruction set */
  GODWIT_ENGINE_TOO_LARGE,      /* the model needs more memory than any may */
  GODWIT_ENGINE_MEMORY,         /* a region is too small, or not aligned */
  GODWIT_ENGINE_NO_GOLDEN,      /* the model holds no golden outputs */
  GODWIT_ENGINE_GOLDEN_DIFFERS, /* the model does not compute here what it was compiled for */
} godwit_engine_status;

typedef enum {
  GODWIT_ENGINE_INT8 = 1,
  GODWIT_ENGINE_UINT8 = 2,
  GODWIT_ENGINE_INT16 = 3,
  GODWIT_ENGINE_INT32 = 4,
  GODWIT_ENGINE_FLOAT32 = 5,
} godwit_engine_type;

/* A region of memory: `measure` says how many bytes, you say where. */
typedef struct {
  void* data;
  size_t size_bytes;
} godwit_engine_region;

typedef struct {
  godwit_engine_region tables; /* the engine itself */
  godwit_engine_region packed; /* weights in the processor's order, written by `load` only */
  godwit_engine_region state;  /* what recurrent layers remember from run to run */
  godwit_engine_region work;   /* activations: put it into the fastest memory */
} godwit_engine_memory;

/* Values are in the processor's byte order. A real value is scale * (value - zero_point). */
typedef struct {
  char const* name; /* not terminated by a zero */
  size_t name_bytes;
  godwit_engine_type type;
  uint32_t rank;
  uint32_t shape[GODWIT_ENGINE_RANK_MAX];
  float scale;
  int32_t zero_point;
  void* data;
  size_t size_bytes;
} godwit_engine_tensor;

/* Checks the model completely and says how much memory it needs. `path` chooses the instruction
   set by name ("portable" is always there); NULL: the fastest that this processor has. */
godwit_engine_status godwit_engine_measure(void const* model, size_t model_bytes, char const* path,
                                           godwit_engine_memory* memory);

/* Checks again and makes the engine, which borrows model and memory until you stop using it. */
godwit_engine_status godwit_engine_load(void const* model, size_t model_bytes, char const* path,
                                        godwit_engine_memory const* memory, godwit_engine** engine);

/* The path that was chosen; and the name of each that this processor runs, the fastest first, then
   NULL. */
char const* godwit_engine_path(godwit_engine const* engine);
char const* godwit_engine_path_name(size_t index);
uint32_t godwit_engine_input_count(godwit_engine const* engine);
uint32_t godwit_engine_output_count(godwit_engine const* engine);
/* Write inputs to `data` before each run (a run may overwrite them); read outputs after it. */
godwit_engine_tensor godwit_engine_input(godwit_engine const* engine, uint32_t index);
godwit_engine_tensor godwit_engine_output(godwit_engine const* engine, uint32_t index);

/* Cannot fail, and allocates nothing. */
void godwit_engine_run(godwit_engine const* engine);

/* The same with threads of yours, up to four: `together` calls part(work, i) for each i below
   `size`, and returns when all have returned. Outputs do not depend on it. `memory` has
   godwit_engine_crew_bytes or more: otherwise GODWIT_ENGINE_MEMORY. */
typedef struct {
  uint32_t size;
  void (*together)(void* context, void (*part)(void* work, uint32_t index), void* work);
  void* context;
  godwit_engine_region memory;
} godwit_engine_crew;
size_t godwit_engine_crew_bytes(godwit_engine const* engine, uint32_t size);
godwit_engine_status godwit_engine_run_together(godwit_engine const* engine,
                                                godwit_engine_crew const* crew);

/* Recurrent layers forget. To save their state copy this region away; to restore it copy it back,
   into an engine of the same model. `take_state` goes on where the engine of another model is;
   1: taken; 0: the two keep different things, and nothing changed. */
void godwit_engine_reset_state(godwit_engine const* engine);
godwit_engine_region godwit_engine_state(godwit_engine const* engine);
int godwit_engine_take_state(godwit_engine const* engine, godwit_engine const* from);

/* Runs the model's own golden inputs and compares the outputs' hash; resets the state. */
godwit_engine_status godwit_engine_check_golden(godwit_engine const* engine);

char const* godwit_engine_status_name(godwit_engine_status status);

#ifdef __cplusplus
}
#endif
