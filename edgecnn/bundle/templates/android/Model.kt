// What edgecnn read from the model file when it wrote this bundle. Written by a machine: write the bundle again rather than change it by hand.

package edgecnn

/** Channels of the input; alpha is opaque, grey is 0.299 red + 0.587 green + 0.114 blue. */
enum class Order { RGB, BGR, GREY, RGBA }

/** Both sides stretched to the model's size, or the short side scaled to it and the centre kept. */
enum class Resize { STRETCH, CROP }

/**
 * What the file's scores mean: probabilities of a softmax; logits; one probability or one logit, of the second of two classes; independent probabilities or
 * logits, one a class, of which several or none may hold; probabilities in percent.
 */
enum class ScoreKind { SOFTMAX, LOGITS, SIGMOID, LOGIT, MULTI_LABEL, MULTI_LABEL_LOGITS, PERCENT }

enum class DType(val bytes: Int) { FLOAT32(4), UINT8(1), INT8(1) }

/** Real value = scale * (stored - zeroPoint); scale is null for floats. */
class Tensor(val dtype: DType, val scale: Double?, val zeroPoint: Int, val channelsFirst: Boolean = false)

/**
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
