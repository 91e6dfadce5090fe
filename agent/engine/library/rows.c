// An example of godwit_engine.h in C11: runs each row of a file through a model, as
// `godwit model run` does. rows MODEL INPUTS OUTPUTS [PATH]: raw tensors, row after row.
// rows --paths lists the instruction sets that can be chosen here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "godwit_engine.h"

static int fail(char const* what, char const* why) {
  fprintf(stderr, "rows: %s: %s\n", what, why);
  return 1;
}

/* The whole file, or NULL. */
static void* read_file(char const* name, size_t* size_bytes) {
  FILE* file = fopen(name, "rb");
  if (!file) return NULL;
  unsigned char* bytes = NULL;
  size_t room = 0;
  *size_bytes = 0;
  do {
    room = room ? 2 * room : 1 << 16;
    unsigned char* larger = realloc(bytes, room);
    if (!larger) break;
    bytes = larger;
    *size_bytes += fread(bytes + *size_bytes, 1, room - *size_bytes, file);
  } while (*size_bytes == room);
  fclose(file);
  return bytes;
}

static int take(godwit_engine_region* region) {
  size_t const size_bytes = region->size_bytes + GODWIT_ENGINE_ALIGNMENT;
  region->data = aligned_alloc(GODWIT_ENGINE_ALIGNMENT,
                               size_bytes / GODWIT_ENGINE_ALIGNMENT * GODWIT_ENGINE_ALIGNMENT);
  return region->data != NULL;
}

static size_t row_bytes(godwit_engine const* engine) {
  size_t sum = 0;
  for (uint32_t i = 0; i < godwit_engine_input_count(engine); ++i)
    sum += godwit_engine_input(engine, i).size_bytes;
  return sum;
}

static size_t value_bytes(godwit_engine_type type) {
  if (type == GODWIT_ENGINE_INT8 || type == GODWIT_ENGINE_UINT8) return 1;
  return type == GODWIT_ENGINE_INT16 ? 2 : 4;
}

/* Values in files are little-endian, in tensors in the processor's order. */
static void to_or_from_file(void* values, size_t size_bytes, godwit_engine_type type) {
  uint16_t const one = 1;
  size_t const width = value_bytes(type);
  if (*(unsigned char const*)&one == 1 || width == 1) return;
  for (unsigned char* value = values; size_bytes > 0; value += width, size_bytes -= width)
    for (size_t i = 0; i < width / 2; ++i) {
      unsigned char const byte = value[i];
      value[i] = value[width - 1 - i];
      value[width - 1 - i] = byte;
    }
}

static void run_row(godwit_engine const* engine, unsigned char const* row, FILE* outputs) {
  for (uint32_t i = 0; i < godwit_engine_input_count(engine); ++i) {
    godwit_engine_tensor const input = godwit_engine_input(engine, i);
    memcpy(input.data, row, input.size_bytes);
    to_or_from_file(input.data, input.size_bytes, input.type);
    row += input.size_bytes;
  }
  godwit_engine_reset_state(engine);
  godwit_engine_run(engine);
  for (uint32_t i = 0; i < godwit_engine_output_count(engine); ++i) {
    godwit_engine_tensor const output = godwit_engine_output(engine, i);
    to_or_from_file(output.data, output.size_bytes, output.type);
    fwrite(output.data, 1, output.size_bytes, outputs);
  }
}

static int list_paths(void) {
  char const* name = NULL;
  for (size_t i = 0; (name = godwit_engine_path_name(i)) != NULL; ++i) puts(name);
  return 0;
}

int main(int count, char** words) {
  if (count == 2 && strcmp(words[1], "--paths") == 0) return list_paths();
  if (count < 4) return fail("usage", "rows MODEL INPUTS OUTPUTS [PATH]");
  char const* path = count > 4 ? words[4] : NULL;
  size_t model_bytes = 0;
  size_t input_bytes = 0;
  void* const model = read_file(words[1], &model_bytes);
  unsigned char* const inputs = read_file(words[2], &input_bytes);
  if (!model || !inputs) return fail(model ? words[2] : words[1], "cannot be read");

  godwit_engine_memory memory;
  godwit_engine_status status = godwit_engine_measure(model, model_bytes, path, &memory);
  if (status != GODWIT_ENGINE_OK) return fail(words[1], godwit_engine_status_name(status));
  if (!take(&memory.tables) || !take(&memory.packed) || !take(&memory.state) || !take(&memory.work))
    return fail(words[1], "not enough memory");
  godwit_engine* engine = NULL;
  status = godwit_engine_load(model, model_bytes, path, &memory, &engine);
  if (status != GODWIT_ENGINE_OK) return fail(words[1], godwit_engine_status_name(status));
  status = godwit_engine_check_golden(engine);
  if (status != GODWIT_ENGINE_OK && status != GODWIT_ENGINE_NO_GOLDEN)
    return fail(words[1], godwit_engine_status_name(status));

  FILE* const outputs = fopen(words[3], "wb");
  if (!outputs) return fail(words[3], "cannot be written");
  size_t const row = row_bytes(engine);
  if (input_bytes == 0 || input_bytes % row != 0)
    return fail(words[2], "not a whole number of rows");
  for (size_t at = 0; at < input_bytes; at += row) run_row(engine, inputs + at, outputs);
  if (fclose(outputs) != 0) return fail(words[3], "cannot be written");
  printf("%s: %zu rows on %s\n", words[1], input_bytes / row, godwit_engine_path(engine));
  return 0;
}
