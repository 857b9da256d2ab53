// What edgecnn read from the model file when it wrote this bundle. Written by a machine: write the bundle again rather than change it by hand.

package edgecnn

/** Channels of the input; alpha is opaque, grey is 0.299 red + 0.587 green + 0.114 blue. */
enum class Order { RGB, BGR, GREY, RGBA }

/** Both sides stretched to the model's size, the short side scaled to it and the centre kept, or the long side scaled to it and bars added. */
enum class Resize { STRETCH, CROP, PAD }

/** Of the training: Pillow's are rounded to bytes after each side, TensorFlow's once. */
enum class ResizeFilter {
    PILLOW_BILINEAR, PILLOW_BICUBIC, PILLOW_LANCZOS, PILLOW_BOX, PILLOW_NEAREST,
    TF_BILINEAR, TF_BILINEAR_ANTIALIAS, TF_BICUBIC, TF_BICUBIC_ANTIALIAS, TF_AREA, TF_NEAREST,
}

/**
 * What the file's scores mean: probabilities of a softmax; logits; one probability or one logit, of the second of two classes; independent probabilities or
 * logits, one a class, of which several or none may hold; probabilities in percent.
 */
enum class ScoreKind { SOFTMAX, LOGITS, SIGMOID, LOGIT, MULTI_LABEL, MULTI_LABEL_LOGITS, PERCENT }

enum class DType(val bytes: Int) { FLOAT32(4), UINT8(1), INT8(1) }

/** Real value = scale * (stored - zeroPoint); scale is null for floats. */
class Tensor(val dtype: DType, val scale: Double?, val zeroPoint: Int, val channelsFirst: Boolean = false)

/**
 * For a crop [scaled] is the width and height that the picture is scaled to cover before the centre is cut out, null where the centre is cut out first; [bars]
 * are red, green and blue around a padded picture.
 * The input is (byte - mean) / std, one value a channel in the model's order. The first [labelOffset] classes have no label. The file gives
 * [outputs] scores: one a class, or one for two classes.
 */
data class Model(
    val file: String,
    val sha256: String,
    val width: Int,
    val height: Int,
    val order: Order,
    val mean: List<Double>,
    val std: List<Double>,
    val resize: Resize,
    val filter: ResizeFilter,
    val scaled: List<Int>?,
    val bars: List<Int>,
    val input: Tensor,
    val output: Tensor,
    val scoreKind: ScoreKind,
    val labelOffset: Int,
    val labels: List<String>,
    val outputs: Int,
)

val MODEL = Model(
@MODEL@
)
