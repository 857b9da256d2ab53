// The golden pictures' way into the input, without a device: ./gradlew testDebugUnitTest. The network itself runs in GoldenTest, on a device.

package edgecnn

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Test

class PixelsTest {
    private val folder = File("src/sharedTest/assets/golden")
    private val golden = Golden(File(folder, "golden.json").readText())

    @Test
    fun theInputIsTheOneThatTheModelWasTrainedOn() {
        val seen = golden.pictures.associate { picture ->
            val asItLies = Rgb(picture.width, picture.height, File(folder, picture.source).readBytes())
            val (quarters, mirrored) = turnOf(picture.orientation)
            // The answers are taken for right, because nothing runs the network here.
            picture.stem to Seen(numbers(encode(fit(turn(asItLies, quarters, mirrored))), MODEL.input.dtype), picture.probabilities)
        }
        val lines = complaints(golden, seen, golden.pictures.associate { it.stem to stored(File(folder, it.input).readBytes()) })
        assertEquals(lines.joinToString("\n"), 0, lines.size)
    }
}
