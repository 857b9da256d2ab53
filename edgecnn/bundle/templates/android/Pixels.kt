// From upright RGB pixels of any size to the numbers that the model's input holds. Nothing of Android and no runtime in here, so that it runs and is tested
// anywhere; pixels.ts and Pixels.swift of the other bundles are this file line by line.

package edgecnn

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min
import kotlin.math.tanh

/** Upright pixels, row by row from the top left, three bytes each: red, green, blue. */
class Rgb(val width: Int, val height: Int, val data: ByteArray)

/** What of one side goes into one side of the result, in pixels; need not be whole. */
private class Span(val from: Float, val to: Float)

/** For each pixel of the result: the first pixel that it is made of, how many, and their weights in 2^22nds. */
private class Filter(wanted: Int, val stride: Int) {
    val first = IntArray(wanted)
    val count = IntArray(wanted)
    val weights = IntArray(wanted * stride)
}

private const val BITS = 22 // of a weight's fraction: 255 times the sum of the weights still fits 31 bits
private const val HALF = 1 shl (BITS - 1)

/** The picture at the model's size: both sides stretched, or the centre cut out, as the model was trained. */
fun fit(picture: Rgb, model: Model = MODEL): Rgb {
    val (across, down) = if (model.resize == Resize.CROP) centre(picture, model) else Pair(whole(picture.width), whole(picture.height))
    return resize(picture, across, down, model.width, model.height)
}

/** The spans of the largest centred part that has the model's proportions. */
private fun centre(picture: Rgb, model: Model): Pair<Span, Span> {
    val width = picture.width.toDouble()
    val height = picture.height.toDouble()
    val wanted = model.width.toDouble() / model.height
    val cutWidth = if (width / height >= wanted) wanted * height else width
    val cutHeight = if (width / height >= wanted) height else width / wanted
    val left = (width - cutWidth) * 0.5
    val top = (height - cutHeight) * 0.5
    return Pair(
        Span(left.toFloat(), (left + cutWidth).toFloat()),
        Span(top.toFloat(), (top + cutHeight).toFloat()),
    )
}

private fun whole(size: Int) = Span(0f, size.toFloat())

/**
 * Bilinear with antialias, rounded to bytes after each of its two passes, across and down. A shrunk picture averages all the pixels that a new one
 * covers, which Bitmap.createScaledBitmap does not; the training did exactly this.
 */
private fun resize(picture: Rgb, across: Span, down: Span, width: Int, height: Int): Rgb {
    val sameWidth = width == picture.width && across.from == 0f && across.to == width.toFloat()
    val sameHeight = height == picture.height && down.from == 0f && down.to == height.toFloat()
    fun goAcross(one: Rgb) = if (sameWidth) one else resizeAcross(one, filter(picture.width, across, width))
    fun goDown(one: Rgb) = if (sameHeight) one else resizeDown(one, filter(picture.height, down, height))
    // The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns.
    val rows = picture.height - height
    return if (rows > 0 && rows > (picture.width - width) * 2) goAcross(goDown(picture)) else goDown(goAcross(picture))
}

private fun filter(size: Int, span: Span, wanted: Int): Filter {
    val scale = (span.to - span.from).toDouble() / wanted
    val support = max(scale, 1.0) // pixels to either side that count: one, or more when shrinking
    val made = Filter(wanted, ceil(support).toInt() * 2 + 1)
    val row = DoubleArray(made.stride)
    for (at in 0 until wanted) {
        val middle = span.from + (at + 0.5) * scale
        val first = max((middle - support + 0.5).toInt(), 0)
        val count = min((middle + support + 0.5).toInt(), size) - first
        var sum = 0.0
        for (k in 0 until count) {
            row[k] = max(1 - abs((k + first - middle + 0.5) * (1 / support)), 0.0)
            sum += row[k]
        }
        for (k in 0 until count) {
            made.weights[at * made.stride + k] = (0.5 + row[k] / sum * (1 shl BITS)).toInt()
        }
        made.first[at] = first
        made.count[at] = count
    }
    return made
}

private fun resizeAcross(picture: Rgb, filter: Filter): Rgb {
    val width = filter.first.size
    val data = ByteArray(width * picture.height * 3)
    for (y in 0 until picture.height) {
        for (x in 0 until width) {
            var from = (y * picture.width + filter.first[x]) * 3
            var red = HALF
            var green = HALF
            var blue = HALF
            for (k in x * filter.stride until x * filter.stride + filter.count[x]) {
                val weight = filter.weights[k]
                red += byte(picture.data, from) * weight
                green += byte(picture.data, from + 1) * weight
                blue += byte(picture.data, from + 2) * weight
                from += 3
            }
            val to = (y * width + x) * 3
            data[to] = min(red shr BITS, 255).toByte()
            data[to + 1] = min(green shr BITS, 255).toByte()
            data[to + 2] = min(blue shr BITS, 255).toByte()
        }
    }
    return Rgb(width, picture.height, data)
}

private fun resizeDown(picture: Rgb, filter: Filter): Rgb {
    val row = picture.width * 3
    val height = filter.first.size
    val data = ByteArray(row * height)
    for (y in 0 until height) {
        for (x in 0 until row) {
            var sum = HALF
            for (k in 0 until filter.count[y]) {
                sum += byte(picture.data, (filter.first[y] + k) * row + x) * filter.weights[y * filter.stride + k]
            }
            data[y * row + x] = min(sum shr BITS, 255).toByte()
        }
    }
    return Rgb(picture.width, height, data)
}

/** Java's bytes are signed: 0 to 255 needs the mask. */
private fun byte(data: ByteArray, at: Int): Int = data[at].toInt() and 0xFF

/** The picture turned clockwise by quarters of a turn, after it was mirrored left to right where [mirrored]. */
fun turn(picture: Rgb, quarters: Int, mirrored: Boolean = false): Rgb {
    val width = picture.width
    val height = picture.height
    val turns = quarters.mod(4)
    if (turns == 0 && !mirrored) {
        return picture
    }
    val wide = if (turns % 2 == 0) width else height
    val turned = ByteArray(picture.data.size)
    for (y in 0 until height) {
        for (x in 0 until width) {
            val column = if (mirrored) width - 1 - x else x
            val toX = when (turns) { 0 -> column; 1 -> height - 1 - y; 2 -> width - 1 - column; else -> y }
            val toY = when (turns) { 0 -> y; 1 -> column; 2 -> height - 1 - y; else -> width - 1 - column }
            picture.data.copyInto(turned, (toY * wide + toX) * 3, (y * width + x) * 3, (y * width + x) * 3 + 3)
        }
    }
    return Rgb(wide, width * height / wide, turned)
}

/** What EXIF's orientation 1 to 8 asks for: quarters of a turn clockwise, and whether to mirror before. */
fun turnOf(orientation: Int): Pair<Int, Boolean> {
    val quarters = listOf(0, 0, 2, 2, 3, 1, 1, 3).getOrElse(orientation - 1) { 0 }
    return Pair(quarters, orientation in listOf(2, 4, 5, 7))
}

/** What the input stores for each byte: (byte - mean) / std, and its nearest step where the input holds whole numbers. One table a channel. */
fun levels(model: Model = MODEL): List<FloatArray> = model.mean.mapIndexed { channel, mean ->
    val std = model.std[channel].toFloat()
    val dtype = model.input.dtype
    val scale = model.input.scale
    val least = if (dtype == DType.INT8) -128 else 0
    FloatArray(256) { byte ->
        when {
            dtype == DType.FLOAT32 -> (byte - mean.toFloat()) / std
            // A file that takes bytes and scales them itself has no scale: the byte is the input.
            scale == null -> (byte + least).toFloat()
            else -> (Math.rint((byte - mean.toFloat().toDouble()) / std / scale) + model.input.zeroPoint).coerceIn(least.toDouble(), least + 255.0).toFloat()
        }
    }
}

/** The input for a picture of the model's size: channels in the model's order, scaled, in the model's layout of memory; ready for Interpreter.run. */
fun encode(picture: Rgb, model: Model = MODEL): ByteBuffer {
    val tables = levels(model)
    val pixels = picture.width * picture.height
    val channels = tables.size
    val stored = ByteBuffer.allocateDirect(pixels * channels * model.input.dtype.bytes).order(ByteOrder.nativeOrder())
    for (pixel in 0 until pixels) {
        for (channel in 0 until channels) {
            val at = if (model.input.channelsFirst) channel * pixels + pixel else pixel * channels + channel
            val value = tables[channel][byteOf(picture.data, pixel * 3, channel, model.order)]
            if (model.input.dtype == DType.FLOAT32) stored.putFloat(at * 4, value) else stored.put(at, value.toInt().toByte())
        }
    }
    return stored
}

private fun byteOf(data: ByteArray, at: Int, channel: Int, order: Order): Int = when (order) {
    Order.RGBA -> if (channel == 3) 255 else byte(data, at + channel)
    Order.GREY -> (299 * byte(data, at) + 587 * byte(data, at + 1) + 114 * byte(data, at + 2) + 500) / 1000
    Order.BGR -> byte(data, at + 2 - channel)
    Order.RGB -> byte(data, at + channel)
}

/** What a tensor's memory holds, as numbers. */
fun numbers(stored: ByteBuffer, dtype: DType): FloatArray = FloatArray(stored.capacity() / dtype.bytes) { at ->
    when (dtype) {
        DType.FLOAT32 -> stored.getFloat(at * 4)
        DType.UINT8 -> (stored.get(at).toInt() and 0xFF).toFloat()
        DType.INT8 -> stored.get(at).toFloat()
    }
}

/** One probability a class from what the output stores. */
fun probabilities(stored: FloatArray, model: Model = MODEL): FloatArray {
    val scale = model.output.scale
    val scores = FloatArray(stored.size) { if (scale == null) stored[it] else (scale * (stored[it] - model.output.zeroPoint)).toFloat() }
    return when (model.scoreKind) {
        ScoreKind.SOFTMAX, ScoreKind.MULTI_LABEL -> scores
        ScoreKind.PERCENT -> FloatArray(scores.size) { scores[it] / 100 }
        ScoreKind.MULTI_LABEL_LOGITS -> FloatArray(scores.size) { sigmoid(scores[it]) }
        ScoreKind.SIGMOID -> floatArrayOf(1 - scores[0], scores[0])
        ScoreKind.LOGIT -> floatArrayOf(1 - sigmoid(scores[0]), sigmoid(scores[0]))
        ScoreKind.LOGITS -> softmax(scores)
    }
}

private fun softmax(scores: FloatArray): FloatArray {
    val most = scores.max()
    val grown = FloatArray(scores.size) { exp(scores[it] - most) }
    val sum = grown.sum()
    return FloatArray(scores.size) { grown[it] / sum }
}

private fun sigmoid(logit: Float): Float = 0.5f * (1 + tanh(0.5f * logit))

class Score(val label: String, val probability: Float)

/** Every class with its name, likeliest first (of a multi-label network every one of 0.5 or more holds); classes before the first label are background. */
fun ranked(row: FloatArray, model: Model = MODEL): List<Score> =
    row.mapIndexed { output, probability -> Score(model.labels.getOrElse(output - model.labelOffset) { "background" }, probability) }
        .sortedByDescending { it.probability }
