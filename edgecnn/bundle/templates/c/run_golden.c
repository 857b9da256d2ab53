/* Runs the embedded model on the golden inputs by LiteRT's C library, and on pictures prepared by edgecnn.c: ./run_golden LIBRARY [FOLDER]
 * LIBRARY is libLiteRt.so of LiteRT 2 (in the Python package ai_edge_litert, or of an Android or iOS build). It is opened at run time, so that
 * neither headers nor linking are needed. Exit code 0 or 1.
 */
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgecnn.h"
#include "golden_table.h"

/* What this test uses of LiteRT 2's interface (litert/c), laid out as there. */
typedef struct {
  unsigned int rank : 7;
  bool has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
} layout;

typedef struct {
  int element;
  layout shape;
} tensor_type;

enum { ELEMENT_FLOAT32 = 1, ELEMENT_UINT8 = 3, ELEMENT_INT16 = 7, ELEMENT_INT8 = 9, ON_PROCESSOR = 1 };

static struct {
  int (*create_environment)(int, const void *, void **);
  int (*create_model)(void *, const void *, size_t, void **);
  int (*create_options)(void **);
  int (*set_accelerators)(void *, int);
  int (*compile)(void *, void *, void *, void **);
  int (*input_needs)(void *, size_t, size_t, void **);
  int (*output_needs)(void *, size_t, size_t, void **);
  int (*create_buffer)(void *, const tensor_type *, void *, void **);
  int (*lock)(void *, void **, int);
  int (*unlock)(void *);
  int (*run)(void *, size_t, size_t, void **, size_t, void **);
} litert;

static void *compiled, *input_buffer, *output_buffer;

static void find(void *library, const char *name, void *place) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) {
    fprintf(stderr, "the library has no %s; expected libLiteRt.so of LiteRT 2\n", name);
    exit(1);
  }
  memcpy(place, &symbol, sizeof symbol);
}

static void must(int status, const char *what) {
  if (status == 0) return;
  fprintf(stderr, "LiteRT cannot %s (status %d)\n", what, status);
  exit(1);
}

static void open_library(const char *path) {
  void *library = dlopen(path, RTLD_NOW);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  find(library, "LiteRtCreateEnvironment", &litert.create_environment);
  find(library, "LiteRtCreateModelFromBuffer", &litert.create_model);
  find(library, "LiteRtCreateOptions", &litert.create_options);
  find(library, "LiteRtSetOptionsHardwareAccelerators", &litert.set_accelerators);
  find(library, "LiteRtCreateCompiledModel", &litert.compile);
  find(library, "LiteRtGetCompiledModelInputBufferRequirements", &litert.input_needs);
  find(library, "LiteRtGetCompiledModelOutputBufferRequirements", &litert.output_needs);
  find(library, "LiteRtCreateManagedTensorBufferFromRequirements", &litert.create_buffer);
  find(library, "LiteRtLockTensorBuffer", &litert.lock);
  find(library, "LiteRtUnlockTensorBuffer", &litert.unlock);
  find(library, "LiteRtRunCompiledModel", &litert.run);
}

static int element(edgecnn_type type) {
  return type == EDGECNN_FLOAT32 ? ELEMENT_FLOAT32 : type == EDGECNN_UINT8 ? ELEMENT_UINT8 : type == EDGECNN_INT8 ? ELEMENT_INT8 : ELEMENT_INT16;
}

static void load(const edgecnn_model *model) {
  void *environment = NULL, *loaded = NULL, *options = NULL, *needs = NULL;
  tensor_type in = {element(model->input_type), {GOLDEN_INPUT_RANK, false, GOLDEN_INPUT_SHAPE, {0}}};
  tensor_type out = {element(model->output_type), {GOLDEN_OUTPUT_RANK, false, GOLDEN_OUTPUT_SHAPE, {0}}};
  must(litert.create_environment(0, NULL, &environment), "start");
  must(litert.create_model(environment, model->data, model->bytes, &loaded), "read the model");
  must(litert.create_options(&options), "make options");
  must(litert.set_accelerators(options, ON_PROCESSOR), "take the processor");
  must(litert.compile(environment, loaded, options, &compiled), "compile the model");
  must(litert.input_needs(compiled, 0, 0, &needs), "tell of the input");
  must(litert.create_buffer(environment, &in, needs, &input_buffer), "make the input");
  must(litert.output_needs(compiled, 0, 0, &needs), "tell of the output");
  must(litert.create_buffer(environment, &out, needs, &output_buffer), "make the output");
}

static void run(const edgecnn_model *model, const void *input, void *output) {
  void *at = NULL;
  must(litert.lock(input_buffer, &at, 1), "open the input");
  memcpy(at, input, edgecnn_input_bytes(model));
  must(litert.unlock(input_buffer), "close the input");
  must(litert.run(compiled, 0, 1, &input_buffer, 1, &output_buffer), "run");
  must(litert.lock(output_buffer, &at, 0), "open the output");
  memcpy(output, at, edgecnn_output_bytes(model));
  must(litert.unlock(output_buffer), "close the output");
}

static unsigned char *read_file(const char *folder, const char *name, size_t bytes) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  unsigned char *content = malloc(bytes);
  if (file == NULL || content == NULL || fread(content, 1, bytes, file) != bytes) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  fclose(file);
  return content;
}

static double apart(const edgecnn_model *model, const void *output, const golden_picture *golden, float *row) {
  double most = 0.0;
  edgecnn_probabilities(model, output, row);
  for (int i = 0; i < model->classes; i++) most = fmax(most, fabs((double)row[i] - (double)golden->probabilities[i]));
  return most;
}

/* The golden input itself, then the picture through edgecnn_prepare. */
static int check(const edgecnn_model *model, const golden_picture *golden, const char *folder) {
  unsigned char *input = read_file(folder, golden->input, edgecnn_input_bytes(model));
  unsigned char *source = read_file(folder, golden->source, 3 * (size_t)golden->width * (size_t)golden->height);
  const edgecnn_image image = {source, golden->width, golden->height, 3 * golden->width, 3, golden->orientation};
  void *scratch = malloc(edgecnn_scratch_bytes(model, &image)), *output = malloc(edgecnn_output_bytes(model));
  float *row = malloc((size_t)model->classes * sizeof(float));
  if (scratch == NULL || output == NULL || row == NULL) exit(1);
  run(model, input, output);
  const double fed = apart(model, output, golden, row);
  if (edgecnn_prepare(model, &image, scratch, input) != 0) exit(1);
  run(model, input, output);
  const double whole = apart(model, output, golden, row);
  const int good = fed <= GOLDEN_RUNTIME && whole <= golden->probability_tolerance;
  printf("%s %s: golden input %.4g off, allowed %.4g; the picture %.4g off, allowed %.4g; %s\n", good ? "ok  " : "FAIL", golden->file, fed, GOLDEN_RUNTIME,
         whole, golden->probability_tolerance, model->labels[edgecnn_best(model, row)]);
  free(input);
  free(source);
  free(scratch);
  free(output);
  free(row);
  return !good;
}

int main(int argc, char **argv) {
  int failures = 0;
  if (argc < 2) {
    fprintf(stderr, "usage: %s LIBRARY [FOLDER of golden vectors]\n", argv[0]);
    return 1;
  }
  open_library(argv[1]);
  load(&GOLDEN_MODEL);
  for (int i = 0; i < GOLDEN_PICTURES; i++) failures += check(&GOLDEN_MODEL, &golden_pictures[i], argc > 2 ? argv[2] : "golden");
  printf(failures ? "%d pictures failed\n" : "the model answers as it did when the bundle was made\n", failures);
  return failures != 0;
}
