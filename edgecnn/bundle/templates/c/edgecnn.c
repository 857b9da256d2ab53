/* See edgecnn.h. A resize mixes pixels one side after the other in fixed point. Pillow's filters have 22 bits and are rounded to bytes in between, as
 * Pillow 13 does it, byte for byte; TensorFlow's have 20 bits and are rounded once, half to even, which is tf.image.resize to half a step.
 */
#include "edgecnn.h"

#include <math.h>
#include <string.h>

#define BITS 22
#define TF_BITS 20
#define PI 3.14159265358979323846

/* The upright picture: where its first pixel lies, and bytes to the next one across and down. */
typedef struct {
  const uint8_t *first;
  ptrdiff_t across, down;
  int width, height;
} view;

/* One side of the resize: place i of `to` covers `scale` input places from `start` + i * `scale` on; `count` places from `skip` on are wanted and go to
 * place `at` of the result. Inputs are the `from` ones behind `origin`.
 */
typedef struct {
  double start, scale, wide, support;
  int origin, from, to, skip, count, at;
  edgecnn_filter filter;
} axis;

/* The inputs of one output place: those from `low` on, before `high`; what their weights are computed from. */
typedef struct {
  double centre, start, end, share;
  int low, high, base;
} window;

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

static int is_pillow(edgecnn_filter filter) { return filter <= EDGECNN_PILLOW_NEAREST; }

static int is_nearest(edgecnn_filter filter) { return filter == EDGECNN_PILLOW_NEAREST || filter == EDGECNN_TF_NEAREST; }

static double radius(edgecnn_filter filter) {
  switch (filter) {
    case EDGECNN_PILLOW_BOX: return 0.5;
    case EDGECNN_PILLOW_BILINEAR: case EDGECNN_TF_BILINEAR: case EDGECNN_TF_BILINEAR_ANTIALIAS: return 1.0;
    case EDGECNN_PILLOW_BICUBIC: case EDGECNN_TF_BICUBIC: case EDGECNN_TF_BICUBIC_ANTIALIAS: return 2.0;
    case EDGECNN_PILLOW_LANCZOS: return 3.0;
    default: return 0.0;
  }
}

/* Single precision where the libraries have it, and never fused: a product of two floats is exact in double. */
static double times(double place, double scale) { return (double)(float)(place * scale); }

static axis side(edgecnn_filter filter, double start, double length, int from, int to) {
  axis a = {0};
  a.filter = filter;
  a.start = start;
  a.scale = length / to;
  if (filter == EDGECNN_TF_BILINEAR_ANTIALIAS || filter == EDGECNN_TF_BICUBIC_ANTIALIAS) a.scale = (double)(1.0f / ((float)to / (float)from));
  else if (!is_pillow(filter)) a.scale = (double)((float)from / (float)to);
  a.wide = a.scale < 1.0 ? 1.0 : a.scale;
  if (filter == EDGECNN_TF_BILINEAR || filter == EDGECNN_TF_BICUBIC) a.wide = 1.0;
  a.support = radius(filter) * a.wide;
  a.from = from;
  a.to = a.count = to;
  return a;
}

static int taps(const axis *a) { return a->filter == EDGECNN_TF_AREA ? (int)ceil(a->scale) + 2 : (int)ceil(a->support) * 2 + 1; }

static double kernel(edgecnn_filter filter, double far) {
  const double x = fabs(far);
  switch (filter) {
    case EDGECNN_PILLOW_BOX: return far > -0.5 && far <= 0.5 ? 1.0 : 0.0;
    case EDGECNN_PILLOW_BICUBIC: case EDGECNN_TF_BICUBIC: case EDGECNN_TF_BICUBIC_ANTIALIAS:
      return x < 1.0 ? (1.5 * x - 2.5) * x * x + 1.0 : x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5 : 0.0;
    case EDGECNN_PILLOW_LANCZOS:
      if (x == 0.0) return 1.0;
      return x < 3.0 ? sin(x * PI) / (x * PI) * (sin(x / 3.0 * PI) / (x / 3.0 * PI)) : 0.0;
    default: return x < 1.0 ? 1.0 - x : 0.0;
  }
}

static window looked_at(const axis *a, int i) {
  const int place = i + a->skip;
  window w = {0};
  if (a->filter == EDGECNN_PILLOW_NEAREST) {
    w.centre = a->start + a->scale * 0.5;
    for (int n = 0; n < place; n++) w.centre += a->scale; /* step by step, as Pillow */
    w.low = (int)w.centre;
  } else if (a->filter == EDGECNN_TF_NEAREST) {
    w.low = (int)times(place + 0.5, a->scale);
  } else if (a->filter == EDGECNN_TF_AREA) {
    w.start = times(place, a->scale);
    w.end = times(place + 1.0, a->scale);
    w.low = (int)w.start;
    w.high = (int)ceil(w.end);
  } else if (a->filter == EDGECNN_TF_BICUBIC) {
    w.centre = (double)(float)(times(place + 0.5, a->scale) - 0.5);
    w.base = (int)floor(w.centre);
    const double steps = (w.centre - w.base) * 1024.0, below = floor(steps);
    const int up = steps - below > 0.5 || (steps - below == 0.5 && fmod(below, 2.0) != 0.0);
    w.share = (below + up) / 1024.0;
    w.low = w.base - 1;
    w.high = w.base + 3;
  } else {
    w.centre = is_pillow(a->filter) ? a->start + (place + 0.5) * a->scale : times(place + 0.5, a->scale);
    w.low = (int)(w.centre - a->support + 0.5);
    w.high = (int)(w.centre + a->support + 0.5);
  }
  if (w.low < 0) w.low = 0;
  if (w.low > a->from - 1) w.low = a->from - 1;
  if (is_nearest(a->filter)) w.high = w.low + 1;
  if (w.high > a->from) w.high = a->from;
  return w;
}

static double weight(const axis *a, const window *w, int place) {
  if (is_nearest(a->filter)) return 1.0;
  if (a->filter == EDGECNN_TF_AREA) {
    const double covered = fmin(place + 1.0, w->end) - fmax(place, w->start);
    return covered < 0.0 ? 0.0 : covered > 1.0 ? 1.0 : covered;
  }
  if (a->filter == EDGECNN_TF_BICUBIC) return kernel(a->filter, place - w->base - w->share);
  return kernel(a->filter, (place - w->centre + 0.5) * (1.0 / a->wide));
}

/* Weights of output place `i`: returns how many there are and sets the first input place. */
static int weights(const axis *a, int i, int *first, int32_t *fixed) {
  const window w = looked_at(a, i);
  double sum = 0.0;
  for (int n = w.low; n < w.high; n++) sum += weight(a, &w, n);
  for (int n = w.low; n < w.high; n++) {
    const double share = sum != 0.0 ? weight(a, &w, n) / sum : 0.0;
    fixed[n - w.low] = is_pillow(a->filter) ? (int32_t)((share < 0.0 ? -0.5 : 0.5) + share * (1 << BITS)) : (int32_t)floor(share * (1 << TF_BITS) + 0.5);
  }
  *first = w.low + a->origin;
  return w.high - w.low;
}

static uint8_t rounded(int32_t sum) {
  const int32_t value = sum >> BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Half of a size, rounded half to even. */
static int half(int size) { return size / 2 + (size % 4 == 3); }

/* The middle, cut out before it is scaled: Pillow cuts between pixels, TensorFlow's pipelines whole ones. */
static void cut_first(const edgecnn_model *model, const view *v, axis *across, axis *down) {
  if (is_pillow(model->filter)) {
    double width = v->width, height = v->height;
    const double wanted = (double)model->width / model->height, has = width / height;
    if (has > wanted) width = wanted * height;
    else if (has < wanted) height = width / wanted;
    /* Corners and their distance in single precision, as the library's. */
    const float left = (float)((v->width - width) * 0.5), top = (float)((v->height - height) * 0.5);
    const float right = (float)((v->width - width) * 0.5 + width), bottom = (float)((v->height - height) * 0.5 + height);
    *across = side(model->filter, left, (float)(right - left), v->width, model->width);
    *down = side(model->filter, top, (float)(bottom - top), v->height, model->height);
    return;
  }
  int64_t width = (int64_t)v->height * model->width / model->height, height = (int64_t)v->width * model->height / model->width;
  width = width < 1 ? 1 : width > v->width ? v->width : width;
  height = height < 1 ? 1 : height > v->height ? v->height : height;
  *across = side(model->filter, 0.0, (double)width, (int)width, model->width);
  *down = side(model->filter, 0.0, (double)height, (int)height, model->height);
  across->origin = (v->width - (int)width) / 2;
  down->origin = (v->height - (int)height) / 2;
}

/* The whole picture scaled to cover a size, and its middle cut out: Resize and CenterCrop. */
static void cut_last(const edgecnn_model *model, const view *v, axis *across, axis *down) {
  int64_t width = model->scaled_width, height = model->scaled_height;
  if (v->width * height >= v->height * width) width = height * v->width / v->height;
  else height = width * v->height / v->width;
  if (width < model->scaled_width) width = model->scaled_width;
  if (height < model->scaled_height) height = model->scaled_height;
  *across = side(model->filter, 0.0, v->width, v->width, (int)width);
  *down = side(model->filter, 0.0, v->height, v->height, (int)height);
  across->skip = half(across->to - model->width);
  down->skip = half(down->to - model->height);
  across->count = model->width;
  down->count = model->height;
}

/* A side between bars that keeps its proportion to the `other` one; Pillow rounds its length, TensorFlow cuts it down. */
static axis between_bars(edgecnn_filter filter, int size, int other, int wanted, int wanted_other) {
  const int64_t above = (int64_t)size * wanted_other, below = other;
  if (above >= below * wanted) return side(filter, 0.0, size, size, wanted);
  int64_t to = above / below;
  if (is_pillow(filter)) to += 2 * (above % below) > below || (2 * (above % below) == below && to % 2 == 1);
  axis a = side(filter, 0.0, size, size, to < 1 ? 1 : (int)to);
  a.at = is_pillow(filter) ? half(wanted - a.to) : (int)((wanted * below - above) / (2 * below));
  return a;
}

/* Which part of the upright picture the model sees, and where. */
static void sides(const edgecnn_model *model, const view *v, axis *across, axis *down) {
  if (model->resize == EDGECNN_CROP) {
    (model->scaled_width > 0 ? cut_last : cut_first)(model, v, across, down);
    return;
  }
  *across = side(model->filter, 0.0, v->width, v->width, model->width);
  *down = side(model->filter, 0.0, v->height, v->height, model->height);
  if (model->resize == EDGECNN_PAD) {
    *across = between_bars(model->filter, v->width, v->height, model->width, model->height);
    *down = between_bars(model->filter, v->height, v->width, model->height, model->width);
  }
}

/* The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns. */
static int goes_down_first(const view *v, const axis *across, const axis *down) {
  const int64_t rows = (int64_t)v->height - down->to, columns = (int64_t)v->width - across->to;
  return is_pillow(across->filter) && rows > 0 && rows > 2 * columns;
}

/* Working memory: one row's sums where they are not rounded in between; for each column its first place, number and weights; one row's weights; one row's
 * sums, or, where it goes down first, one row of bytes that is still as wide as the picture.
 */
typedef struct {
  int64_t *exact;
  int32_t *columns, *row, *sums;
  uint8_t *line;
  int each;
} memory;

static size_t laid(const view *v, const axis *across, const axis *down, void *scratch, memory *m) {
  const size_t wide = 3 * (size_t)across->count, exact = is_pillow(across->filter) ? 0 : wide;
  const size_t each = (size_t)taps(across) + 2, columns = each * (size_t)across->count, row = (size_t)taps(down);
  if (m != NULL) {
    m->exact = (int64_t *)scratch;
    m->columns = (int32_t *)(m->exact + exact);
    m->row = m->columns + columns;
    m->sums = m->row + row;
    m->line = (uint8_t *)m->sums;
    m->each = (int)each;
  }
  const size_t last = exact ? 0 : goes_down_first(v, across, down) ? 3 * (size_t)v->width : wide * sizeof(int32_t);
  return exact * sizeof(int64_t) + (columns + row) * sizeof(int32_t) + last;
}

size_t edgecnn_scratch_bytes(const edgecnn_model *model, const edgecnn_image *image) {
  if (!sensible(image)) return 0;
  const view v = upright(image);
  axis across, down;
  sides(model, &v, &across, &down);
  return laid(&v, &across, &down, NULL, NULL);
}

/* Sums of `count` pixels from `pixel` on, `step` bytes apart, each times its weight. */
static void summed(const uint8_t *pixel, ptrdiff_t step, const int32_t *fixed, int32_t count, int32_t rgb[3]) {
  for (int32_t n = 0; n < count; n++, pixel += step)
    for (int c = 0; c < 3; c++) rgb[c] += pixel[c] * fixed[n];
}

static void mixed(const uint8_t *pixel, ptrdiff_t step, const int32_t *fixed, int32_t count, uint8_t rgb[3]) {
  int32_t sums[3] = {1 << (BITS - 1), 1 << (BITS - 1), 1 << (BITS - 1)};
  summed(pixel, step, fixed, count, sums);
  for (int c = 0; c < 3; c++) rgb[c] = rounded(sums[c]);
}

/* Place x of a line of pixels resized across. */
static void across_at(const memory *m, int x, const uint8_t *line, ptrdiff_t step, uint8_t rgb[3]) {
  const int32_t *column = m->columns + (ptrdiff_t)x * m->each;
  mixed(line + column[0] * step, step, column + 2, column[1], rgb);
}

typedef void (*sink)(const edgecnn_model *model, int x, int y, const uint8_t rgb[3], void *out);

/* Where the rows and columns of the result lie, and what takes them. */
typedef struct {
  const edgecnn_model *model;
  const axis *across, *down;
  sink put;
  void *out;
} target;

static void put_at(const target *t, int x, int y, const uint8_t rgb[3]) { t->put(t->model, x + t->across->at, y + t->down->at, rgb, t->out); }

/* Row y of the result from `count` rows of the picture, whose weights lie in m->row. */
static void across_then_down(const target *t, const view *v, const memory *m, int y, int first, int count) {
  const int width = t->across->count;
  uint8_t rgb[3];
  for (int i = 0; i < 3 * width; i++) m->sums[i] = 1 << (BITS - 1);
  for (int n = 0; n < count; n++)
    for (int x = 0; x < width; x++) {
      across_at(m, x, v->first + (first + n) * v->down, v->across, rgb);
      for (int c = 0; c < 3; c++) m->sums[3 * x + c] += rgb[c] * m->row[n];
    }
  for (int x = 0; x < width; x++) {
    for (int c = 0; c < 3; c++) rgb[c] = rounded(m->sums[3 * x + c]);
    put_at(t, x, y, rgb);
  }
}

static void down_then_across(const target *t, const view *v, const memory *m, int y, int first, int count) {
  uint8_t rgb[3];
  for (int x = 0; x < v->width; x++) mixed(v->first + first * v->down + x * v->across, v->down, m->row, count, m->line + 3 * (ptrdiff_t)x);
  for (int x = 0; x < t->across->count; x++) {
    across_at(m, x, m->line, 3, rgb);
    put_at(t, x, y, rgb);
  }
}

static uint8_t half_to_even(int64_t sum) {
  const int64_t odd = (sum >> (2 * TF_BITS)) & 1, value = (sum + ((int64_t)1 << (2 * TF_BITS - 1)) - 1 + odd) >> (2 * TF_BITS);
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void rounded_once(const target *t, const view *v, const memory *m, int y, int first, int count) {
  const int width = t->across->count;
  uint8_t rgb[3];
  for (int i = 0; i < 3 * width; i++) m->exact[i] = 0;
  for (int n = 0; n < count; n++)
    for (int x = 0; x < width; x++) {
      const int32_t *column = m->columns + (ptrdiff_t)x * m->each;
      int32_t sums[3] = {0, 0, 0};
      summed(v->first + (first + n) * v->down + column[0] * v->across, v->across, column + 2, column[1], sums);
      for (int c = 0; c < 3; c++) m->exact[3 * x + c] += (int64_t)sums[c] * m->row[n];
    }
  for (int x = 0; x < width; x++) {
    for (int c = 0; c < 3; c++) rgb[c] = half_to_even(m->exact[3 * x + c]);
    put_at(t, x, y, rgb);
  }
}

static void fill(const target *t) {
  for (int y = 0; y < t->model->height; y++)
    for (int x = 0; x < t->model->width; x++) t->put(t->model, x, y, t->model->bars, t->out);
}

static int resize(const edgecnn_model *model, const edgecnn_image *image, void *scratch, sink put, void *out) {
  if (!sensible(image)) return -1;
  const view v = upright(image);
  axis across, down;
  memory m;
  sides(model, &v, &across, &down);
  laid(&v, &across, &down, scratch, &m);
  const target t = {model, &across, &down, put, out};
  const int down_first = goes_down_first(&v, &across, &down);
  if (model->resize == EDGECNN_PAD) fill(&t);
  for (int x = 0; x < across.count; x++) {
    int first = 0, count = weights(&across, x, &first, m.columns + (ptrdiff_t)x * m.each + 2);
    m.columns[(ptrdiff_t)x * m.each] = first;
    m.columns[(ptrdiff_t)x * m.each + 1] = count;
  }
  for (int y = 0; y < down.count; y++) {
    int first = 0, count = weights(&down, y, &first, m.row);
    (!is_pillow(model->filter) ? rounded_once : down_first ? down_then_across : across_then_down)(&t, &v, &m, y, first, count);
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
  uint8_t ordered[4] = {rgb[0], rgb[1], rgb[2], 255};
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

size_t edgecnn_output_bytes(const edgecnn_model *model) { return (size_t)model->scores * element(model->output_type); }

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

static float sigmoid(float logit) { return 0.5f * (1.0f + tanhf(0.5f * logit)); }

void edgecnn_probabilities(const edgecnn_model *model, const void *output, float *probabilities) {
  const edgecnn_score_kind kind = model->score_kind;
  float most = real(model, output, 0), sum = 0.0f;
  for (int i = 0; i < model->scores; i++) {
    const float score = real(model, output, i);
    if (score > most) most = score;
    probabilities[i] = kind == EDGECNN_LOGIT || kind == EDGECNN_MULTI_LABEL_LOGITS ? sigmoid(score) : kind == EDGECNN_PERCENT ? score / 100.0f : score;
  }
  if (kind == EDGECNN_SIGMOID || kind == EDGECNN_LOGIT) {
    probabilities[1] = probabilities[0];
    probabilities[0] = 1.0f - probabilities[1];
  } else if (kind == EDGECNN_LOGITS) {
    for (int i = 0; i < model->scores; i++) sum += probabilities[i] = expf(probabilities[i] - most);
    for (int i = 0; i < model->scores; i++) probabilities[i] /= sum;
  }
}

int edgecnn_best(const edgecnn_model *model, const float *probabilities) {
  int best = 0;
  for (int i = 1; i < model->classes; i++)
    if (probabilities[i] > probabilities[best]) best = i;
  return best;
}
