/* See edgecnn.h. The resize is a triangle filter that widens when it shrinks ("bilinear with antialias"), one side after the other,
 * in fixed point with 22 bits and rounded to bytes in between, as Pillow 13 does it, byte for byte.
 */
#include "edgecnn.h"

#include <math.h>
#include <string.h>

#define BITS 22

/* The upright picture: where its first pixel lies, and bytes to the next one across and down. */
typedef struct {
  const uint8_t *first;
  ptrdiff_t across, down;
  int width, height;
} view;

/* One side of the resize: output place i covers `scale` input places from `start` + i * `scale` on. */
typedef struct {
  double start, scale, support;
  int from, to;
} axis;

static int sensible(const edgecnn_image *image) {
  return image != NULL && image->pixels != NULL && image->width > 0 && image->height > 0 && (image->step == 3 || image->step == 4) &&
         image->stride >= image->width * image->step && image->orientation >= 1 && image->orientation <= 8;
}

static view upright(const edgecnn_image *image) {
  const int o = image->orientation, on_its_side = o >= 5;
  const ptrdiff_t step = image->step, stride = image->stride;
  const int from_right = o == 2 || o == 3 || o == 7 || o == 8;
  const int from_below = o == 3 || o == 4 || o == 6 || o == 7;
  const ptrdiff_t x = from_right ? -step : step, y = from_below ? -stride : stride;
  view v;
  v.first = image->pixels + (from_right ? (image->width - 1) * step : 0) + (from_below ? (image->height - 1) * stride : 0);
  v.across = on_its_side ? y : x;
  v.down = on_its_side ? x : y;
  v.width = on_its_side ? image->height : image->width;
  v.height = on_its_side ? image->width : image->height;
  return v;
}

static axis side(double start, double length, int from, int to) {
  axis a;
  a.start = start;
  a.scale = length / to;
  a.support = a.scale < 1.0 ? 1.0 : a.scale;
  a.from = from;
  a.to = to;
  return a;
}

static int taps(const axis *a) { return (int)ceil(a->support) * 2 + 1; }

/* Weights of output place `i`: returns how many there are and sets the first input place. */
static int weights(const axis *a, int i, int *first, int32_t *fixed) {
  const double centre = a->start + (i + 0.5) * a->scale, narrow = 1.0 / a->support;
  double sum = 0.0;
  int n, low = (int)(centre - a->support + 0.5), high = (int)(centre + a->support + 0.5);
  if (low < 0) low = 0;
  if (high > a->from) high = a->from;
  for (n = 0; n < high - low; n++) {
    const double far = fabs((n + low - centre + 0.5) * narrow);
    sum += far < 1.0 ? 1.0 - far : 0.0;
  }
  for (n = 0; n < high - low; n++) {
    const double far = fabs((n + low - centre + 0.5) * narrow);
    const double weight = sum != 0.0 ? (far < 1.0 ? 1.0 - far : 0.0) / sum : 0.0;
    fixed[n] = (int32_t)(0.5 + weight * (1 << BITS));
  }
  *first = low;
  return high - low;
}

static uint8_t rounded(int32_t sum) {
  const int32_t value = sum >> BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Which part of the upright picture the model sees. */
static void sides(const edgecnn_model *model, const view *v, axis *across, axis *down) {
  double width = v->width, height = v->height;
  if (model->resize == EDGECNN_CROP) {
    const double wanted = (double)model->width / model->height, has = width / height;
    if (has > wanted) width = wanted * height;
    else if (has < wanted) height = width / wanted;
  }
  /* Corners and their distance in single precision, as the library's. */
  const float left = (float)((v->width - width) * 0.5), top = (float)((v->height - height) * 0.5);
  const float right = (float)((v->width - width) * 0.5 + width), bottom = (float)((v->height - height) * 0.5 + height);
  *across = side(left, (float)(right - left), v->width, model->width);
  *down = side(top, (float)(bottom - top), v->height, model->height);
}

/* The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns. */
static int goes_down_first(const edgecnn_model *model, const view *v) {
  const int64_t rows = (int64_t)v->height - model->height, columns = (int64_t)v->width - model->width;
  return rows > 0 && rows > 2 * columns;
}

/* Working memory: for each column its first place, number and weights; then one row's weights; then one row's sums, or, where it goes down first, one row of
 * bytes that is still as wide as the picture.
 */
typedef struct {
  int32_t *columns, *row, *sums;
  uint8_t *line;
  int each;
} memory;

static size_t laid(const edgecnn_model *model, const view *v, const axis *across, const axis *down, void *scratch, memory *m) {
  const size_t each = (size_t)taps(across) + 2, columns = each * (size_t)model->width, row = (size_t)taps(down);
  if (m != NULL) {
    m->columns = (int32_t *)scratch;
    m->row = m->columns + columns;
    m->sums = m->row + row;
    m->line = (uint8_t *)m->sums;
    m->each = (int)each;
  }
  const size_t last = goes_down_first(model, v) ? 3 * (size_t)v->width : 3 * (size_t)model->width * sizeof(int32_t);
  return (columns + row) * sizeof(int32_t) + last;
}

size_t edgecnn_scratch_bytes(const edgecnn_model *model, const edgecnn_image *image) {
  if (!sensible(image)) return 0;
  const view v = upright(image);
  axis across, down;
  sides(model, &v, &across, &down);
  return laid(model, &v, &across, &down, NULL, NULL);
}

/* `count` pixels from `pixel` on, `step` bytes apart, in their weights' shares. */
static void mixed(const uint8_t *pixel, ptrdiff_t step, const int32_t *fixed, int32_t count, uint8_t rgb[3]) {
  int32_t red = 1 << (BITS - 1), green = red, blue = red;
  for (int32_t n = 0; n < count; n++, pixel += step) {
    red += pixel[0] * fixed[n];
    green += pixel[1] * fixed[n];
    blue += pixel[2] * fixed[n];
  }
  rgb[0] = rounded(red);
  rgb[1] = rounded(green);
  rgb[2] = rounded(blue);
}

/* Place x of a line of pixels resized across. */
static void across_at(const memory *m, int x, const uint8_t *line, ptrdiff_t step, uint8_t rgb[3]) {
  const int32_t *column = m->columns + (ptrdiff_t)x * m->each;
  mixed(line + column[0] * step, step, column + 2, column[1], rgb);
}

typedef void (*sink)(const edgecnn_model *model, int x, int y, const uint8_t rgb[3], void *out);

/* Row y of the result from `count` rows of the picture, whose weights lie in m->row. */
static void across_then_down(const edgecnn_model *model, const view *v, const memory *m, int y, int first, int count, sink put, void *out) {
  uint8_t rgb[3];
  for (int i = 0; i < 3 * model->width; i++) m->sums[i] = 1 << (BITS - 1);
  for (int n = 0; n < count; n++)
    for (int x = 0; x < model->width; x++) {
      across_at(m, x, v->first + (first + n) * v->down, v->across, rgb);
      for (int c = 0; c < 3; c++) m->sums[3 * x + c] += rgb[c] * m->row[n];
    }
  for (int x = 0; x < model->width; x++) {
    for (int c = 0; c < 3; c++) rgb[c] = rounded(m->sums[3 * x + c]);
    put(model, x, y, rgb, out);
  }
}

static void down_then_across(const edgecnn_model *model, const view *v, const memory *m, int y, int first, int count, sink put, void *out) {
  uint8_t rgb[3];
  for (int x = 0; x < v->width; x++) mixed(v->first + first * v->down + x * v->across, v->down, m->row, count, m->line + 3 * (ptrdiff_t)x);
  for (int x = 0; x < model->width; x++) {
    across_at(m, x, m->line, 3, rgb);
    put(model, x, y, rgb, out);
  }
}

static int resize(const edgecnn_model *model, const edgecnn_image *image, void *scratch, sink put, void *out) {
  if (!sensible(image)) return -1;
  const view v = upright(image);
  axis across, down;
  memory m;
  sides(model, &v, &across, &down);
  laid(model, &v, &across, &down, scratch, &m);
  const int down_first = goes_down_first(model, &v);
  for (int x = 0; x < model->width; x++) {
    int first = 0, count = weights(&across, x, &first, m.columns + (ptrdiff_t)x * m.each + 2);
    m.columns[(ptrdiff_t)x * m.each] = first;
    m.columns[(ptrdiff_t)x * m.each + 1] = count;
  }
  for (int y = 0; y < model->height; y++) {
    int first = 0, count = weights(&down, y, &first, m.row);
    (down_first ? down_then_across : across_then_down)(model, &v, &m, y, first, count, put, out);
  }
  return 0;
}

static size_t element(edgecnn_type type) { return type == EDGECNN_FLOAT32 ? 4 : type == EDGECNN_INT16 ? 2 : 1; }

static void put_pixel(const edgecnn_model *model, int x, int y, const uint8_t rgb[3], void *out) {
  memcpy((uint8_t *)out + 3 * ((ptrdiff_t)y * model->width + x), rgb, 3);
}

static void put_input(const edgecnn_model *model, int x, int y, const uint8_t rgb[3], void *out) {
  const size_t size = element(model->input_type), plane = (size_t)model->width * (size_t)model->height;
  const size_t at = (size_t)y * (size_t)model->width + (size_t)x;
  uint8_t ordered[3] = {rgb[0], rgb[1], rgb[2]};
  if (model->order == EDGECNN_BGR) {
    ordered[0] = rgb[2];
    ordered[2] = rgb[0];
  } else if (model->order == EDGECNN_GREY) {
    ordered[0] = (uint8_t)((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000); /* ITU-R 601 */
  }
  for (int c = 0; c < model->channels; c++) {
    const size_t place = model->channels_first ? (size_t)c * plane + at : at * (size_t)model->channels + (size_t)c;
    const size_t entry = (model->tables > 1 ? (size_t)c * 256 : 0) + ordered[c];
    memcpy((uint8_t *)out + place * size, (const uint8_t *)model->table + entry * size, size);
  }
}

int edgecnn_pixels(const edgecnn_model *model, const edgecnn_image *image, void *scratch, uint8_t *rgb) {
  return resize(model, image, scratch, put_pixel, rgb);
}

int edgecnn_prepare(const edgecnn_model *model, const edgecnn_image *image, void *scratch, void *input) {
  return resize(model, image, scratch, put_input, input);
}

size_t edgecnn_input_bytes(const edgecnn_model *model) {
  return (size_t)model->width * (size_t)model->height * (size_t)model->channels * element(model->input_type);
}

size_t edgecnn_output_bytes(const edgecnn_model *model) { return (size_t)model->classes * element(model->output_type); }

static float real(const edgecnn_model *model, const void *output, int i) {
  int stored = 0;
  switch (model->output_type) {
    case EDGECNN_FLOAT32: return ((const float *)output)[i];
    case EDGECNN_UINT8: stored = ((const uint8_t *)output)[i]; break;
    case EDGECNN_INT8: stored = ((const int8_t *)output)[i]; break;
    case EDGECNN_INT16: stored = ((const int16_t *)output)[i]; break;
  }
  return model->output_scale * (float)(stored - model->output_zero_point);
}

void edgecnn_probabilities(const edgecnn_model *model, const void *output, float *probabilities) {
  float most = real(model, output, 0), sum = 0.0f;
  for (int i = 0; i < model->classes; i++) {
    probabilities[i] = real(model, output, i);
    if (probabilities[i] > most) most = probabilities[i];
  }
  if (model->gives_probabilities) return;
  for (int i = 0; i < model->classes; i++) sum += probabilities[i] = expf(probabilities[i] - most);
  for (int i = 0; i < model->classes; i++) probabilities[i] /= sum;
}

int edgecnn_best(const edgecnn_model *model, const float *probabilities) {
  int best = 0;
  for (int i = 1; i < model->classes; i++)
    if (probabilities[i] > probabilities[best]) best = i;
  return best;
}
