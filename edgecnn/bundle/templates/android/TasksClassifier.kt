// The same by MediaPipe Tasks, for an app that has it anyway. Labels, mean and std are read from the metadata inside of the file.

package edgecnn

import android.content.Context
import android.graphics.Bitmap
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.core.RunningMode
import com.google.mediapipe.tasks.vision.imageclassifier.ImageClassifier
import java.io.Closeable

/** Opens the model of the assets for pictures one by one. Close it when it is no longer needed. */
class TasksClassifier(context: Context, private val model: Model = MODEL) : Closeable {
    private val classifier = ImageClassifier.createFromOptions(
        context,
        ImageClassifier.ImageClassifierOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetPath(model.file).build())
            .setRunningMode(RunningMode.IMAGE)
            .build(),
    )

    /** One probability an output, for upright pixels of any size. */
    fun probabilities(picture: Rgb): FloatArray {
        // Turned and resized by us: at the model's own size nothing is left to MediaPipe's resize, which knows no antialias.
        val result = classifier.classify(BitmapImageBuilder(bitmap(fit(picture, model))).build())
        val row = FloatArray(model.outputs)
        for (category in result.classificationResult().classifications().first().categories()) {
            row[category.index()] = category.score()
        }
        return row
    }

    /** The likeliest classes, likeliest first. */
    fun classify(picture: Rgb, top: Int = 5): List<Score> = ranked(probabilities(picture), model).take(top)

    override fun close() = classifier.close()
}

private fun bitmap(picture: Rgb): Bitmap {
    val colours = IntArray(picture.width * picture.height) { pixel ->
        val (red, green, blue) = List(3) { picture.data[pixel * 3 + it].toInt() and 0xFF }
        (0xFF shl 24) or (red shl 16) or (green shl 8) or blue
    }
    return Bitmap.createBitmap(colours, picture.width, picture.height, Bitmap.Config.ARGB_8888)
}
