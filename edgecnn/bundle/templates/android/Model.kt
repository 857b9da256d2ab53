// What edgecnn read from the model file when it wrote this bundle. Written by a machine: write the bundle again rather than change it by hand.

package edgecnn

/** Channels of the input; grey is 0.299 red + 0.587 green + 0.114 blue. */
enum class Order { RGB, BGR, GREY }

/** Both sides stretched to the model's size, the short side scaled to it and the centre kept, or the long side scaled to it and bars added. */
enum class Resize { STRETCH, CROP, PAD }

/** Of the training: Pillow's are rounded to bytes after each side, TensorFlow's once. */
enum class ResizeFilter {
    PILLOW_BILINEAR, PILLOW_BICUBIC, PILLOW_LANCZOS, PILLOW_BOX, PILLOW_NEAREST,
    TF_BILINEAR, TF_BILINEAR_ANTIALIAS, TF_BICUBIC, TF_BICUBIC_ANTIALIAS, TF_AREA, TF_NEAREST,
}

enum class DType(val bytes: Int) { FLOAT32(4), UINT8(1), INT8(1) }

/** Real value = scale * (stored - zeroPoint); scale is null for floats. */
class Tensor(val dtype: DType, val scale: Double?, val zeroPoint: Int, val channelsFirst: Boolean = false)

/**
 * For a crop [scaled] is the width and height that the picture is scaled to cover before the centre is cut out, null where the centre is cut out first; [bars]
 * are red, green and blue around a padded picture. The input is (byte - mean) / std, one value a channel in the model's order. The first [labelOffset] outputs have no label. Where [softmax] is true the file
 * gives scores that still need it.
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
    val softmax: Boolean,
    val labelOffset: Int,
    val labels: List<String>,
    val outputs: Int,
)

val MODEL = Model(
@MODEL@
)
