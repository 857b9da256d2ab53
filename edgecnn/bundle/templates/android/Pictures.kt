// From what Android has (a picture file, a Bitmap, a camera frame) to upright RGB pixels.

package edgecnn

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import androidx.camera.core.ImageProxy
import androidx.exifinterface.media.ExifInterface
import java.io.ByteArrayInputStream
import java.io.IOException

/** A picture file's pixels at their own size, turned as EXIF says, which BitmapFactory does not. */
fun decode(content: ByteArray): Rgb {
    val options = BitmapFactory.Options().apply { inPreferredConfig = Bitmap.Config.ARGB_8888; inScaled = false }
    val bitmap = BitmapFactory.decodeByteArray(content, 0, content.size, options) ?: throw IOException("not a picture that Android reads")
    val exif = ExifInterface(ByteArrayInputStream(content))
    val (quarters, mirrored) = turnOf(exif.getAttributeInt(ExifInterface.TAG_ORIENTATION, ExifInterface.ORIENTATION_NORMAL))
    return turn(bitmap.toRgb(), quarters, mirrored)
}

/** A camera frame of CameraX, upright. Front cameras' frames are not mirrored, only their preview is. */
fun ImageProxy.toRgb(): Rgb = toBitmap().toRgb(imageInfo.rotationDegrees)

/** A bitmap's pixels at their own size, turned clockwise by [rotationDegrees]; see-through pixels lie on white, as in training. */
fun Bitmap.toRgb(rotationDegrees: Int = 0): Rgb {
    val readable = if (config == Bitmap.Config.ARGB_8888) this else copy(Bitmap.Config.ARGB_8888, false) // HARDWARE has no pixels to read
    val row = IntArray(width) // row by row: a large photo would fill a phone's heap several times
    val data = ByteArray(width * height * 3)
    for (y in 0 until height) {
        readable.getPixels(row, 0, width, 0, y, width, 1)
        for (x in 0 until width) {
            val alpha = row[x] ushr 24
            for (channel in 0..2) {
                val value = (row[x] shr (16 - 8 * channel)) and 0xFF
                data[(y * width + x) * 3 + channel] = ((value * alpha + 255 * (255 - alpha) + 127) / 255).toByte()
            }
        }
    }
    return turn(Rgb(width, height, data), rotationDegrees / 90)
}
