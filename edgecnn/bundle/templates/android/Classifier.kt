// From upright pixels to the names of what they show, by LiteRT's Interpreter.

package edgecnn

import android.content.Context
import java.io.Closeable
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/** Opens the model of the assets; not for two threads at once. Close it when it is no longer needed. */
class Classifier(context: Context, threads: Int = 2, private val model: Model = MODEL) : Closeable {
    private val interpreter = Interpreter(mapped(context, model.file), Interpreter.Options().setNumThreads(threads))
    private val output = ByteBuffer.allocateDirect(model.outputs * model.output.dtype.bytes).order(ByteOrder.nativeOrder())

    /** One probability a class, for upright pixels of any size. */
    fun probabilities(picture: Rgb): FloatArray {
        output.rewind()
        interpreter.run(encode(fit(picture, model), model), output)
        return probabilities(numbers(output, model.output.dtype), model)
    }

    /** The likeliest classes, likeliest first. */
    fun classify(picture: Rgb, top: Int = 5): List<Score> = ranked(probabilities(picture), model).take(top)

    override fun close() = interpreter.close()
}

/** The model's bytes as they lie in the app's package: not copied, which needs noCompress, see blocks.gradle.kts. */
internal fun mapped(context: Context, file: String): MappedByteBuffer = context.assets.openFd(file).use { asset ->
    FileInputStream(asset.fileDescriptor).use { it.channel.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength) }
}
