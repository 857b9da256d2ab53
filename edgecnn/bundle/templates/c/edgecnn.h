/* From a camera's picture to the input of an image classifier, and from its output to names. C11, no allocation, no globals.
 * Made by edgecnn; Apache-2.0. A model is a constant `edgecnn_model`; several may live side by side.
 */
#ifndef EDGECNN_H
#define EDGECNN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { EDGECNN_RGB, EDGECNN_BGR, EDGECNN_GREY, EDGECNN_RGBA /* opaque */ } edgecnn_order;
typedef enum { EDGECNN_STRETCH, EDGECNN_CROP, EDGECNN_PAD } edgecnn_resize;
/* Of the training: Pillow's, rounded to bytes after each side; TensorFlow's, rounded once. All but nearest, TF_BILINEAR and TF_BICUBIC smooth when they shrink. */
typedef enum {
  EDGECNN_PILLOW_BILINEAR, EDGECNN_PILLOW_BICUBIC, EDGECNN_PILLOW_LANCZOS, EDGECNN_PILLOW_BOX, EDGECNN_PILLOW_NEAREST,
  EDGECNN_TF_BILINEAR, EDGECNN_TF_BILINEAR_ANTIALIAS, EDGECNN_TF_BICUBIC, EDGECNN_TF_BICUBIC_ANTIALIAS, EDGECNN_TF_AREA, EDGECNN_TF_NEAREST
} edgecnn_filter;
typedef enum { EDGECNN_FLOAT32, EDGECNN_UINT8, EDGECNN_INT8, EDGECNN_INT16 } edgecnn_type;

/* What the file's scores mean: probabilities of a softmax; logits; one probability or one logit, of the second of two classes; independent probabilities or
 * logits, one a class, of which several or none may hold; probabilities in percent.
 */
typedef enum {
  EDGECNN_SOFTMAX, EDGECNN_LOGITS, EDGECNN_SIGMOID, EDGECNN_LOGIT, EDGECNN_MULTI_LABEL, EDGECNN_MULTI_LABEL_LOGITS, EDGECNN_PERCENT
} edgecnn_score_kind;

typedef struct {
  const char *name;
  const unsigned char *data;   /* the .tflite file, aligned to 16 bytes */
  size_t bytes;                /* of data */
  int width, height, channels; /* of the input */
  int channels_first;          /* the input is planes: [1, channels, height, width] */
  edgecnn_order order;         /* of the input's channels */
  edgecnn_resize resize;       /* stretch both sides, cut out the middle in the input's proportions, or add bars */
  edgecnn_filter filter;
  int scaled_width, scaled_height; /* crop: the picture is scaled to cover this before the middle is cut out; 0: it is cut out first */
  uint8_t bars[3];             /* pad: red, green, blue */
  edgecnn_type input_type, output_type;
  const void *table;           /* what the input stores for each byte of a pixel: 256 values, or 256 for each channel */
  int tables;                  /* 1 or channels */
  float output_scale;          /* real = scale * (stored - zero_point), for an integer output */
  int output_zero_point;
  edgecnn_score_kind score_kind; /* how edgecnn_probabilities makes probabilities of the scores */
  int scores;                  /* numbers in the output tensor: as many as classes, or one for two classes */
  int classes;
  const char *const *labels;   /* one a class */
} edgecnn_model;

/* Red, green, blue bytes as a decoder or a camera gives them. */
typedef struct {
  const uint8_t *pixels; /* the first row's first pixel */
  int width, height;     /* as they lie in memory, before turning */
  int stride;            /* bytes from a row to the next; 3 * width where rows follow one another */
  int step;              /* bytes from a pixel to the next: 3, or 4 where a byte that is not used follows each */
  int orientation;       /* EXIF's number, 1 to 8: 1 upright, 6 and 8 a phone's portrait that lies on its side, 3 upside down */
} edgecnn_image;

/* Bytes of working memory that edgecnn_prepare and edgecnn_pixels need for such a picture; 0 where the picture makes no sense. */
size_t edgecnn_scratch_bytes(const edgecnn_model *model, const edgecnn_image *image);

/* Fill the model's input tensor: turn upright, resize, order the channels, scale and quantize. `scratch` is aligned to 8 bytes.
 * Returns 0, or -1 where the picture makes no sense.
 */
int edgecnn_prepare(const edgecnn_model *model, const edgecnn_image *image, void *scratch, void *input);

/* The step before scaling, for tests and for looking at: upright RGB bytes, 3 * width * height of the model. Returns as edgecnn_prepare. */
int edgecnn_pixels(const edgecnn_model *model, const edgecnn_image *image, void *scratch, uint8_t *rgb);

/* Bytes of the input and of the output tensor. */
size_t edgecnn_input_bytes(const edgecnn_model *model);
size_t edgecnn_output_bytes(const edgecnn_model *model);

/* Probabilities, `classes` of them, from the `scores` numbers of the output tensor: dequantized, with the softmax or sigmoid where the file has none. */
void edgecnn_probabilities(const edgecnn_model *model, const void *output, float *probabilities);

/* Place of the likeliest class; its name is model->labels[place]. Of a multi-label network every class of 0.5 or more holds, not the best alone. */
int edgecnn_best(const edgecnn_model *model, const float *probabilities);

#ifdef __cplusplus
}
#endif
#endif
