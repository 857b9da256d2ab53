// Does this app see what the model was trained to see? Its inputs and answers for the golden pictures are compared with those that edgecnn measured;
// where they differ, the usual mistake that explains them best is named. golden.ts and Golden.swift of the other bundles are this file.

package edgecnn

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.math.max
import org.json.JSONArray
import org.json.JSONObject

/** A row of numbers a picture, by the picture's name without suffix. */
typealias Rows = Map<String, FloatArray>

class GoldenPicture(told: JSONObject) {
    val file: String = told.getString("file")
    val stem = file.substringBeforeLast('.')
    val orientation = told.getInt("orientation")
    val width = told.getInt("width")
    val height = told.getInt("height")

    /** Files with the stored input, and with the decoded bytes of the picture as it lies in its file. */
    val input: String = told.getString("input")
    val source: String = told.getString("source")
    val probabilities = row(told.getJSONArray("probabilities"))
    val top = told.getInt("top")
    val label: String = told.getString("label")
    val inputTolerance = told.getJSONObject("tolerance").getDouble("input")
    val answerTolerance = told.getJSONObject("tolerance").getDouble("probabilities")
}

/** golden.json. */
class Golden(text: String) {
    private val told = JSONObject(text)
    val sha256: String = told.getString("sha256")
    val grid = told.getInt("grid")
    val pictures = objects(told.getJSONArray("pictures")).map(::GoldenPicture)

    /** What the model answers to each mistake, and how the input looks then; pictures that a mistake leaves alone are not there. */
    val traps = tables(told.getJSONObject("traps"))
    val signatures = tables(told.getJSONObject("signatures"))

    fun cause(key: String): String = told.getJSONObject("causes").getJSONObject(key).run { "${getString("name")}. ${getString("advice")}" }
}

/** What the app made of one golden picture. */
class Seen(val input: FloatArray, val probabilities: FloatArray)

/** One line for each picture that the app sees otherwise, then one with the likely cause; empty when all is well. [stored] are the golden inputs. */
fun complaints(golden: Golden, seen: Map<String, Seen>, stored: Rows, model: Model = MODEL): List<String> {
    val lines = golden.pictures.mapNotNull { complaint(it, seen[it.stem], stored.getValue(it.stem), model) }
    return if (lines.isEmpty()) lines else lines + likelyCause(golden, seen, model)
}

private fun complaint(picture: GoldenPicture, seen: Seen?, stored: FloatArray, model: Model): String? {
    if (seen == null || seen.input.size != stored.size || seen.probabilities.size != picture.probabilities.size) {
        return "${picture.file}: no answer, or one of another size"
    }
    val input = meanDifference(seen.input, stored)
    val answer = largestDifference(seen.probabilities, picture.probabilities)
    if (input <= picture.inputTolerance && answer <= picture.answerTolerance && labelled(picture, model)) {
        return null
    }
    val best = ranked(seen.probabilities, model).first()
    return "${picture.file}: the app says ${best.label} (${best.probability}), expected ${picture.label} (${picture.probabilities[picture.top]}); " +
        "probabilities off by $answer (at most ${picture.answerTolerance}), input by $input (at most ${picture.inputTolerance})"
}

private fun labelled(picture: GoldenPicture, model: Model): Boolean =
    model.labels.getOrElse(picture.top - model.labelOffset) { "background" } == picture.label

private fun likelyCause(golden: Golden, seen: Map<String, Seen>, model: Model): String {
    val answers = seen.mapValues { it.value.probabilities }
    val looks = seen.mapValues { signature(it.value.input, golden.grid, model) }
    val rightAnswers = golden.pictures.associate { it.stem to it.probabilities }
    // The input tells mistakes apart that the answers do not; the answers are what an app has whose library hides the input.
    val key = nearest(looks, golden.signatures.getValue("right"), golden.signatures - "right") ?: nearest(answers, rightAnswers, golden.traps)
    if (key == null && !golden.pictures.all { labelled(it, model) }) {
        return "Likely cause: other labels, or another number of outputs before the first one"
    }
    return if (key == null) "Likely cause: none of the usual mistakes explains it" else "Likely cause: ${golden.cause(key)}"
}

/** The mistake whose rows lie nearest to those seen; null where none lies at less than half the distance of the right ones. */
fun nearest(seen: Rows, right: Rows, wrong: Map<String, Rows>): String? {
    var best: String? = null
    var least = distance(seen, right, right) / 2
    for ((key, rows) in wrong) {
        val far = distance(seen, rows, right)
        if (far < least) {
            best = key
            least = far
        }
    }
    return best
}

private fun distance(seen: Rows, rows: Rows, right: Rows): Double =
    seen.entries.sumOf { (name, row) -> meanDifference(row, rows[name] ?: right.getValue(name)) }

/**
 * For each channel in each field of a grid over a stored input its mean, and the mean difference to the pixel on the left, which tells a smoothed picture from
 * one that is not: row by row, field by field, channel by channel.
 */
fun signature(stored: FloatArray, grid: Int, model: Model = MODEL): FloatArray {
    val channels = model.mean.size
    fun value(x: Int, y: Int, channel: Int): Float {
        val pixel = y * model.width + x
        return stored[if (model.input.channelsFirst) channel * model.width * model.height + pixel else pixel * channels + channel]
    }
    val marks = mutableListOf<Float>()
    for (row in 0 until grid) {
        for (column in 0 until grid) {
            val (top, bottom) = field(model.height, row, grid)
            val (left, right) = field(model.width, column, grid)
            for (channel in 0 until channels) {
                var sum = 0.0
                var rough = 0.0
                for (y in top until bottom) {
                    for (x in left until right) {
                        sum += value(x, y, channel)
                        rough += abs(value(x, y, channel) - value(max(x - 1, 0), y, channel))
                    }
                }
                val size = (bottom - top) * (right - left)
                marks += (sum / size).toFloat()
                marks += (rough / size).toFloat()
            }
        }
    }
    return marks.toFloatArray()
}

private fun field(side: Int, at: Int, grid: Int): Pair<Int, Int> {
    val start = at * side / grid
    return Pair(start, max(start + 1, (at + 1) * side / grid))
}

private fun meanDifference(one: FloatArray, other: FloatArray): Double = one.indices.sumOf { abs(one[it].toDouble() - other[it]) } / one.size

private fun largestDifference(one: FloatArray, other: FloatArray): Float = one.indices.maxOf { abs(one[it] - other[it]) }

/** The numbers of a golden input's file. */
fun stored(content: ByteArray, model: Model = MODEL): FloatArray = numbers(ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN), model.input.dtype)

private fun row(told: JSONArray) = FloatArray(told.length()) { told.getDouble(it).toFloat() }

private fun objects(told: JSONArray) = List(told.length()) { told.getJSONObject(it) }

private fun rows(told: JSONObject): Rows = told.keys().asSequence().associateWith { row(told.getJSONArray(it)) }

private fun tables(told: JSONObject): Map<String, Rows> = told.keys().asSequence().associateWith { rows(told.getJSONObject(it)) }
