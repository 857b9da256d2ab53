/* Proves this bundle on this machine: ./test_golden [FOLDER of golden vectors] [MODEL.tflite]
 * Checks the model's bytes, and for every golden picture the resized pixels, the input and the answer.
 * Prints the likely cause of what is wrong. Exit code 0 or 1. Uses malloc and stdio, which the library does not.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgecnn.h"
#include "golden_table.h"

static int failures = 0, wrong_inputs = 0;

static unsigned char *read_file(const char *folder, const char *name, size_t *bytes) {
  char path[1024];
  snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  *bytes = (size_t)ftell(file);
  rewind(file);
  unsigned char *content = malloc(*bytes + 1);
  if (content == NULL || fread(content, 1, *bytes, file) != *bytes) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  fclose(file);
  return content;
}

static double stored(const edgecnn_model *model, const void *input, size_t i) {
  switch (model->input_type) {
    case EDGECNN_UINT8: return ((const uint8_t *)input)[i];
    case EDGECNN_INT8: return ((const int8_t *)input)[i];
    case EDGECNN_INT16: return ((const int16_t *)input)[i];
    default: return ((const float *)input)[i];
  }
}

static double at(const edgecnn_model *model, const void *input, int x, int y, int channel) {
  const size_t plane = (size_t)model->width * (size_t)model->height, pixel = (size_t)y * (size_t)model->width + (size_t)x, k = (size_t)channel;
  return stored(model, input, model->channels_first ? k * plane + pixel : pixel * (size_t)model->channels + k);
}

/* Mean of each channel in each field of a grid over the input, and mean difference to the pixel on the left, as in golden.json. */
static void signature(const edgecnn_model *model, const void *input, double *marks) {
  const int w = model->width, h = model->height, c = model->channels;
  for (int r = 0; r < GOLDEN_GRID; r++)
    for (int q = 0; q < GOLDEN_GRID; q++)
      for (int k = 0; k < c; k++) {
        const int top = r * h / GOLDEN_GRID, left = q * w / GOLDEN_GRID;
        int bottom = (r + 1) * h / GOLDEN_GRID, right = (q + 1) * w / GOLDEN_GRID;
        if (bottom <= top) bottom = top + 1;
        if (right <= left) right = left + 1;
        double sum = 0.0, rough = 0.0;
        for (int y = top; y < bottom; y++)
          for (int x = left; x < right; x++) {
            const double here = at(model, input, x, y, k);
            sum += here;
            rough += fabs(here - at(model, input, x > 0 ? x - 1 : 0, y, k));
          }
        *marks++ = sum / ((bottom - top) * (right - left));
        *marks++ = rough / ((bottom - top) * (right - left));
      }
}

static double apart(const double *marks, const float *others) {
  double sum = 0.0;
  for (int i = 0; i < GOLDEN_MARKS; i++) sum += fabs(marks[i] - others[i]);
  return sum / GOLDEN_MARKS;
}

/* How far all inputs lie from those of each mistake, and from the right ones, which come last. Of pictures that pass a hundredth counts: enough to
 * tell two mistakes apart that do the same to the pictures that fail.
 */
static double distance[GOLDEN_CAUSES + 1];

static void compare_causes(const edgecnn_model *model, const golden_picture *golden, const void *input, int failed) {
  double marks[GOLDEN_MARKS];
  signature(model, input, marks);
  for (int cause = 0; cause <= GOLDEN_CAUSES; cause++) {
    const float *others = golden->marks; /* a mistake that does nothing to this picture leaves it right */
    for (int i = 0; i < golden->traps; i++)
      if (golden->trap[i].cause == cause) others = golden->trap[i].marks;
    distance[cause] += (failed ? 1.0 : 0.01) * apart(marks, others);
  }
}

static void name_cause(void) {
  int found = 0;
  for (int i = 1; i < GOLDEN_CAUSES; i++)
    if (distance[i] < distance[found]) found = i;
  if (distance[found] < 0.5 * distance[GOLDEN_CAUSES]) printf("likely cause: %s: %s\n", golden_causes[found].name, golden_causes[found].advice);
  else printf("no usual mistake explains these inputs\n");
}

static void fail(const golden_picture *golden, const char *what, double off, double allowed) {
  printf("FAIL %s: %s off by %.4g, allowed %.4g\n", golden->file, what, off, allowed);
  failures++;
}

static void check_answer(const edgecnn_model *model, const golden_picture *golden, const char *folder) {
  size_t bytes;
  unsigned char *output = read_file(folder, golden->output, &bytes);
  float *row = malloc((size_t)model->classes * sizeof(float));
  double most = 0.0;
  if (row == NULL) exit(1);
  edgecnn_probabilities(model, output, row);
  for (int i = 0; i < model->classes; i++) most = fmax(most, fabs((double)row[i] - (double)golden->probabilities[i]));
  if (bytes != edgecnn_output_bytes(model) || most > 1e-4) fail(golden, "probabilities of the golden output", most, 1e-4);
  if (edgecnn_best(model, row) != golden->top || strcmp(model->labels[golden->top], golden->label) != 0) {
    printf("FAIL %s: the label is %s, expected %s\nlikely cause: labels in another order, or a background class left out\n", golden->file,
           model->labels[edgecnn_best(model, row)], golden->label);
    failures++;
  }
  free(row);
  free(output);
}

static void check_picture(const edgecnn_model *model, const golden_picture *golden, const char *folder) {
  size_t bytes, count = (size_t)model->width * (size_t)model->height * 3, values = count / 3 * (size_t)model->channels;
  unsigned char *source = read_file(folder, golden->source, &bytes);
  unsigned char *right = read_file(folder, golden->pixels, &bytes), *wanted = read_file(folder, golden->input, &bytes);
  const edgecnn_image image = {source, golden->width, golden->height, 3 * golden->width, 3, golden->orientation};
  void *scratch = malloc(edgecnn_scratch_bytes(model, &image)), *input = malloc(edgecnn_input_bytes(model));
  uint8_t *pixels = malloc(count);
  double off = 0.0, input_off = 0.0;
  if (scratch == NULL || input == NULL || pixels == NULL || edgecnn_pixels(model, &image, scratch, pixels) != 0 ||
      edgecnn_prepare(model, &image, scratch, input) != 0)
    exit(1);
  for (size_t i = 0; i < count; i++) off += abs((int)pixels[i] - (int)right[i]) / (double)count;
  for (size_t i = 0; i < values; i++) input_off += fabs(stored(model, input, i) - stored(model, wanted, i)) / (double)values;
  const int before = failures;
  if (off > golden->pixel_tolerance) fail(golden, "pixels", off, golden->pixel_tolerance);
  if (bytes != edgecnn_input_bytes(model) || !(input_off <= golden->input_tolerance)) fail(golden, "input", input_off, golden->input_tolerance);
  compare_causes(model, golden, input, failures > before);
  wrong_inputs += failures > before;
  if (failures == before) printf("ok   %s: pixels off by %.3g, input by %.3g (mean)\n", golden->file, off, input_off);
  free(pixels);
  free(input);
  free(scratch);
  free(source);
  free(right);
  free(wanted);
}

static void check_bytes(const edgecnn_model *model, const char *path) {
  size_t bytes;
  unsigned char *file = read_file("", path, &bytes);
  const int same = bytes == model->bytes && memcmp(file, model->data, bytes) == 0 && (uintptr_t)model->data % 16 == 0;
  printf("%s %s: %zu bytes%s\n", same ? "ok  " : "FAIL", path, model->bytes, same ? ", equal to the array" : "; the array differs or is not aligned");
  failures += !same;
  free(file);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "golden";
  if (argc > 2) check_bytes(&GOLDEN_MODEL, argv[2]);
  for (int i = 0; i < GOLDEN_PICTURES; i++) {
    check_picture(&GOLDEN_MODEL, &golden_pictures[i], folder);
    check_answer(&GOLDEN_MODEL, &golden_pictures[i], folder);
  }
  if (wrong_inputs) name_cause();
  printf(failures ? "%d checks failed\n" : "all golden vectors agree\n", failures);
  return failures != 0;
}
