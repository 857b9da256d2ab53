// From upright RGB pixels of any size to the numbers that the model's input holds. Nothing of Android and no runtime in here, so that it runs and is tested
// anywhere; pixels.ts and Pixels.swift of the other bundles are this file line by line.

package edgecnn

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sin
import kotlin.math.tanh

/** Upright pixels, row by row from the top left, three bytes each: red, green, blue. */
class Rgb(val width: Int, val height: Int, val data: ByteArray)

/**
 * One side of a resize: what lies between [from] and [to] becomes [total] pixels, of which [count] from [skip] on go to place [at] of the result. The [size]
 * pixels behind [origin] are looked at; [from] and [to] need not be whole.
 */
private data class Side(
    val from: Float, val to: Float, val origin: Int, val size: Int, val total: Int, val skip: Int, val count: Int, val at: Int,
)

/** The pixels that one pixel is made of, from [first] up to [end], and their weights before they are divided by their sum. */
private class Window(val first: Int, val end: Int, val weight: (Int) -> Double)

/** For each pixel of the result: the first pixel that it is made of, how many, and their weights in 2^22nds, or 2^20ths. */
private class Filter(wanted: Int, val stride: Int) {
    val first = IntArray(wanted)
    val count = IntArray(wanted)
    val weights = IntArray(wanted * stride)
}

private const val BITS = 22 // of a weight's fraction: 255 times the sum of the weights still fits 31 bits
private const val HALF = 1 shl (BITS - 1)
private const val TF_BITS = 20 // of both sides together over a byte fit the 53 bits that a double holds

/** The picture at the model's size: both sides stretched, the centre cut out, or between bars, as the model was trained. */
fun fit(picture: Rgb, model: Model = MODEL): Rgb {
    val (across, down) = if (model.resize == Resize.CROP) cropped(picture, model) else inWhole(picture, model)
    val scaled = if (ofPillow(model.filter)) resize(picture, across, down, model.filter) else resizeOnce(picture, across, down, model.filter)
    return if (model.resize == Resize.PAD) framed(scaled, across.at, down.at, model) else scaled
}

private fun ofPillow(name: ResizeFilter): Boolean = name <= ResizeFilter.PILLOW_NEAREST

/** The sides for a crop. */
private fun cropped(picture: Rgb, model: Model): Pair<Side, Side> {
    val width = picture.width
    val height = picture.height
    if (model.scaled != null) {
        val (least, lowest) = model.scaled
        val isWide = width.toLong() * lowest >= height.toLong() * least
        val wide = max(least, if (isWide) (lowest.toLong() * width / height).toInt() else least)
        val tall = max(lowest, if (isWide) lowest else (least.toLong() * height / width).toInt())
        return Pair(middle(width, wide, model.width), middle(height, tall, model.height))
    }
    if (ofPillow(model.filter)) {
        return centre(picture, model)
    }
    val wide = min(width.toLong(), max(1, height.toLong() * model.width / model.height)).toInt()
    val tall = min(height.toLong(), max(1, width.toLong() * model.height / model.width)).toInt()
    return Pair(
        whole(wide, model.width).copy(origin = (width - wide) / 2),
        whole(tall, model.height).copy(origin = (height - tall) / 2),
    )
}

/** A side scaled to [total], of which the middle is kept. */
private fun middle(size: Int, total: Int, kept: Int): Side = whole(size, total).copy(skip = half(total - kept), count = kept)

/** The sides of the largest centred part that has the model's proportions. */
private fun centre(picture: Rgb, model: Model): Pair<Side, Side> {
    val width = picture.width.toDouble()
    val height = picture.height.toDouble()
    val wanted = model.width.toDouble() / model.height
    val cutWidth = if (width / height >= wanted) wanted * height else width
    val cutHeight = if (width / height >= wanted) height else width / wanted
    val left = (width - cutWidth) * 0.5
    val top = (height - cutHeight) * 0.5
    return Pair(
        whole(picture.width, model.width).copy(from = left.toFloat(), to = (left + cutWidth).toFloat()),
        whole(picture.height, model.height).copy(from = top.toFloat(), to = (top + cutHeight).toFloat()),
    )
}

/** The sides for the whole picture, stretched or between bars. */
private fun inWhole(picture: Rgb, model: Model): Pair<Side, Side> {
    val width = picture.width
    val height = picture.height
    if (model.resize != Resize.PAD) {
        return Pair(whole(width, model.width), whole(height, model.height))
    }
    return Pair(
        betweenBars(width, height, model.width, model.height, model.filter),
        betweenBars(height, width, model.height, model.width, model.filter),
    )
}

/** A side that keeps its proportion to the other one; Pillow rounds its length, TensorFlow cuts it down. */
private fun betweenBars(size: Int, other: Int, wanted: Int, wantedOther: Int, name: ResizeFilter): Side {
    val above = size.toLong() * wantedOther
    if (above >= other.toLong() * wanted) {
        return whole(size, wanted)
    }
    val below = above / other
    val rest = 2 * (above - below * other)
    val rounded = if (rest > other || (rest == other.toLong() && below % 2 == 1L)) below + 1 else below
    val total = max(1, if (ofPillow(name)) rounded else below).toInt()
    val at = if (ofPillow(name)) half(wanted - total) else ((wanted.toLong() * other - above) / (2L * other)).toInt()
    return whole(size, total).copy(at = at)
}

/** Half of a size, rounded half to even. */
private fun half(size: Int): Int = size / 2 + (if (size % 4 == 3) 1 else 0)

private fun whole(size: Int, total: Int) = Side(0f, size.toFloat(), 0, size, total, 0, total, 0)

/** The scaled picture between bars. */
private fun framed(scaled: Rgb, left: Int, top: Int, model: Model): Rgb {
    val data = ByteArray(model.width * model.height * 3) { model.bars[it % 3].toByte() }
    for (y in 0 until scaled.height) {
        scaled.data.copyInto(data, ((y + top) * model.width + left) * 3, y * scaled.width * 3, (y + 1) * scaled.width * 3)
    }
    return Rgb(model.width, model.height, data)
}

/**
 * By a filter of Pillow's, rounded to bytes after each of its two passes, across and down. Those with antialias average all the pixels that a new one
 * covers, which Bitmap.createScaledBitmap does not; the training did exactly this.
 */
private fun resize(picture: Rgb, across: Side, down: Side, name: ResizeFilter): Rgb {
    val sameWidth = across.total == picture.width && across.from == 0f && across.to == picture.width.toFloat() && across.count == across.total
    val sameHeight = down.total == picture.height && down.from == 0f && down.to == picture.height.toFloat() && down.count == down.total
    fun goAcross(one: Rgb) = if (sameWidth) one else resizeAcross(one, filter(across, name))
    fun goDown(one: Rgb) = if (sameHeight) one else resizeDown(one, filter(down, name))
    // The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns.
    val rows = picture.height - down.total
    return if (rows > 0 && rows > (picture.width - across.total) * 2) goAcross(goDown(picture)) else goDown(goAcross(picture))
}

private fun filter(side: Side, name: ResizeFilter): Filter {
    val (scale, support, widened) = sizes(side, name)
    val stride = if (name == ResizeFilter.TF_AREA) ceil(scale).toInt() + 2 else ceil(support).toInt() * 2 + 1
    val made = Filter(side.count, stride)
    val row = DoubleArray(stride)
    for (at in 0 until side.count) {
        val window = look(side, name, side.skip + at, scale, support, widened)
        val first = window.first
        val count = window.end - first
        var sum = 0.0
        for (k in 0 until count) {
            row[k] = window.weight(first + k)
            sum += row[k]
        }
        for (k in 0 until count) {
            val share = if (sum == 0.0) 0.0 else row[k] / sum
            val fixed = if (ofPillow(name)) (if (share < 0) -0.5 else 0.5) + share * (1 shl BITS) else floor(share * (1 shl TF_BITS) + 0.5)
            made.weights[at * stride + k] = fixed.toInt()
        }
        made.first[at] = first + side.origin
        made.count[at] = count
    }
    return made
}

/** Pixels of the source to one of the result, pixels to either side that count, and by how much the filter is widened, which smooths. */
private fun sizes(side: Side, name: ResizeFilter): Triple<Double, Double, Double> {
    var scale = (side.to - side.from).toDouble() / side.total
    if (name == ResizeFilter.TF_BILINEAR_ANTIALIAS || name == ResizeFilter.TF_BICUBIC_ANTIALIAS) {
        scale = (1f / (side.total.toFloat() / side.size)).toDouble()
    } else if (!ofPillow(name)) {
        scale = (side.size.toFloat() / side.total).toDouble()
    }
    val widest = max(scale, 1.0) // pixels of the source under one of the result: one, or more when shrinking
    val widened = if (name == ResizeFilter.TF_BILINEAR || name == ResizeFilter.TF_BICUBIC) 1.0 else widest
    return Triple(scale, radius(name) * widened, widened)
}

private fun radius(name: ResizeFilter): Double = when (name) {
    ResizeFilter.PILLOW_BOX -> 0.5
    ResizeFilter.PILLOW_BILINEAR, ResizeFilter.TF_BILINEAR, ResizeFilter.TF_BILINEAR_ANTIALIAS -> 1.0
    ResizeFilter.PILLOW_BICUBIC, ResizeFilter.TF_BICUBIC, ResizeFilter.TF_BICUBIC_ANTIALIAS -> 2.0
    ResizeFilter.PILLOW_LANCZOS -> 3.0
    else -> 0.0
}

/** Where a place lies in the source, in single precision, as TensorFlow computes it. */
private fun single(place: Double, scale: Double): Double = (place * scale).toFloat().toDouble()

/** What pixel [place] of the scaled side is made of. */
private fun look(side: Side, name: ResizeFilter, place: Int, scale: Double, support: Double, widened: Double): Window {
    val size = side.size
    if (name == ResizeFilter.PILLOW_NEAREST || name == ResizeFilter.TF_NEAREST) {
        var middle = if (name == ResizeFilter.TF_NEAREST) single(place + 0.5, scale) else side.from + scale * 0.5
        if (name == ResizeFilter.PILLOW_NEAREST) {
            repeat(place) { middle += scale } // step by step, as Pillow
        }
        val first = min(max(middle.toInt(), 0), size - 1)
        return Window(first, first + 1) { 1.0 }
    }
    if (name == ResizeFilter.TF_AREA) {
        val start = single(place.toDouble(), scale)
        val end = single(place + 1.0, scale)
        return Window(min(start.toInt(), size - 1), min(ceil(end).toInt(), size)) { k -> min(max(min(k + 1.0, end) - max(k.toDouble(), start), 0.0), 1.0) }
    }
    if (name == ResizeFilter.TF_BICUBIC) {
        val middle = (single(place + 0.5, scale) - 0.5).toFloat().toDouble()
        val base = floor(middle).toInt()
        val share = Math.rint((middle - base) * 1024) / 1024
        return Window(min(max(base - 1, 0), size - 1), min(base + 3, size)) { k -> kernel(name, k - base - share) }
    }
    val middle = if (ofPillow(name)) side.from + (place + 0.5) * scale else single(place + 0.5, scale)
    return Window(min(max((middle - support + 0.5).toInt(), 0), size - 1), min((middle + support + 0.5).toInt(), size)) { k ->
        kernel(name, (k - middle + 0.5) * (1 / widened))
    }
}

private fun kernel(name: ResizeFilter, far: Double): Double {
    val x = abs(far)
    return when (radius(name)) {
        0.5 -> if (far > -0.5 && far <= 0.5) 1.0 else 0.0
        2.0 -> if (x < 1) (1.5 * x - 2.5) * x * x + 1 else if (x < 2) (((x - 5) * x + 8) * x - 4) * -0.5 else 0.0
        3.0 -> if (x < 3) sinc(x) * sinc(x / 3) else 0.0
        else -> max(1 - x, 0.0)
    }
}

private fun sinc(x: Double): Double = if (x == 0.0) 1.0 else sin(x * Math.PI) / (x * Math.PI)

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
            data[to] = clipped(red shr BITS)
            data[to + 1] = clipped(green shr BITS)
            data[to + 2] = clipped(blue shr BITS)
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
            data[y * row + x] = clipped(sum shr BITS)
        }
    }
    return Rgb(picture.width, height, data)
}

private fun clipped(value: Int): Byte = min(max(value, 0), 255).toByte()

/** By a filter of TensorFlow's, rounded once, half to even: all sums are whole numbers that a double holds, so that no machine gives others. */
private fun resizeOnce(picture: Rgb, across: Side, down: Side, name: ResizeFilter): Rgb {
    val columns = filter(across, name)
    val rows = filter(down, name)
    val wide = across.count * 3
    val sums = IntArray(wide * picture.height)
    for (y in down.origin until down.origin + down.size) {
        for (x in 0 until wide) {
            val column = x / 3
            var sum = 0
            for (k in 0 until columns.count[column]) {
                sum += byte(picture.data, (y * picture.width + columns.first[column] + k) * 3 + x % 3) * columns.weights[column * columns.stride + k]
            }
            sums[y * wide + x] = sum
        }
    }
    val data = ByteArray(wide * down.count)
    for (y in 0 until down.count) {
        for (x in 0 until wide) {
            var sum = 0L
            for (k in 0 until rows.count[y]) {
                sum += sums[(rows.first[y] + k) * wide + x].toLong() * rows.weights[y * rows.stride + k]
            }
            data[y * wide + x] = clipped(Math.rint(sum / (1L shl (2 * TF_BITS)).toDouble()).toInt())
        }
    }
    return Rgb(across.count, down.count, data)
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
