// What app_cases.py asks for, by the Android bundle's own Pixels.kt: its arguments are folders with cases of resizing, of inputs and of scores.

package edgecnn

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONArray
import org.json.JSONObject

fun main(folders: Array<String>) {
    each(folders[0]) { case, folder, i ->
        val (quarters, mirrored) = turnOf(case.getInt("orientation"))
        val picture = Rgb(case.getInt("width"), case.getInt("height"), File(folder, "$i.in").readBytes())
        val told = case.getJSONObject("model")
        val resize = Resize.valueOf(told.getString("resize").uppercase())
        val filter = ResizeFilter.valueOf(told.getString("filter").uppercase().replace('-', '_'))
        val scaled = if (told.isNull("scaled")) null else whole(told.getJSONArray("scaled"))
        val size = MODEL.copy(width = told.getInt("width"), height = told.getInt("height"))
        fit(turn(picture, quarters, mirrored), size.copy(resize = resize, filter = filter, scaled = scaled, bars = whole(told.getJSONArray("bars")))).data
    }
    each(folders[1]) { case, folder, _ ->
        val told = case.getJSONObject("input")
        val scale = if (told.isNull("scale")) null else told.getDouble("scale")
        val input = Tensor(DType.valueOf(told.getString("dtype").uppercase()), scale, told.getInt("zeroPoint"), told.getBoolean("channelsFirst"))
        val order = Order.valueOf(case.getString("order").uppercase())
        val model = MODEL.copy(order = order, mean = numbers(case.getJSONArray("mean")), std = numbers(case.getJSONArray("std")), input = input)
        val stored = encode(Rgb(5, 7, File(folder, "picture").readBytes()), model)
        ByteArray(stored.capacity()) { stored.get(it) }
    }
    each(folders[2]) { case, _, _ ->
        val kind = ScoreKind.valueOf(case.getString("kind").uppercase().replace('-', '_'))
        val row = numbers(case.getJSONArray("row"))
        val model = MODEL.copy(scoreKind = kind, output = Tensor(DType.FLOAT32, null, 0))
        val answer = probabilities(FloatArray(row.size) { row[it].toFloat() }, model)
        ByteBuffer.allocate(answer.size * 4).order(ByteOrder.LITTLE_ENDIAN).also { memory -> answer.forEach(memory::putFloat) }.array()
    }
}

private fun each(folder: String, made: (JSONObject, String, Int) -> ByteArray) {
    val cases = JSONArray(File(folder, "cases.json").readText())
    for (i in 0 until cases.length()) {
        File(folder, "$i.out").writeBytes(made(cases.getJSONObject(i), folder, i))
    }
}

private fun numbers(told: JSONArray) = List(told.length()) { told.getDouble(it) }

private fun whole(told: JSONArray) = List(told.length()) { told.getInt(it) }
