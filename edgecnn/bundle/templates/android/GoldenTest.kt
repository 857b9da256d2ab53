// The golden pictures on a device: ./gradlew connectedDebugAndroidTest

package edgecnn

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.security.MessageDigest
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith

private fun asset(name: String): ByteArray = InstrumentationRegistry.getInstrumentation().context.assets.open("golden/$name").use { it.readBytes() }

/** Fails where the app sees a golden picture otherwise than the model was trained to. */
fun checkGolden(probabilities: (Rgb) -> FloatArray) {
    val golden = Golden(String(asset("golden.json")))
    val seen = golden.pictures.associate { picture ->
        val pixels = decode(asset(picture.file))
        picture.stem to Seen(numbers(encode(fit(pixels)), MODEL.input.dtype), probabilities(pixels))
    }
    val lines = complaints(golden, seen, golden.pictures.associate { it.stem to stored(asset(it.input)) })
    assertEquals(lines.joinToString("\n"), 0, lines.size)
}

@RunWith(AndroidJUnit4::class)
class GoldenTest {
    private val app = InstrumentationRegistry.getInstrumentation().targetContext

    @Test
    fun theModelIsTheOneOfTheGoldenPictures() {
        val content = app.assets.open(MODEL.file).use { it.readBytes() }
        val digest = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
        assertEquals(Golden(String(asset("golden.json"))).sha256, digest)
        assertEquals(MODEL.sha256, digest)
    }

    @Test
    fun theAppSeesWhatTheModelWasTrainedToSee() = Classifier(app).use { checkGolden(it::probabilities) }
}
