// The golden pictures on a device: ./gradlew connectedDebugAndroidTest

package edgecnn

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.security.MessageDigest
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith

@RunWith(AndroidJUnit4::class)
class GoldenTest {
    private val app = InstrumentationRegistry.getInstrumentation().targetContext
    private val golden = Golden(String(asset("golden.json")))

    private fun asset(name: String): ByteArray = InstrumentationRegistry.getInstrumentation().context.assets.open("golden/$name").use { it.readBytes() }

    private fun check(probabilities: (Rgb) -> FloatArray) {
        val seen = golden.pictures.associate { picture ->
            val pixels = decode(asset(picture.file))
            picture.stem to Seen(numbers(encode(fit(pixels)), MODEL.input.dtype), probabilities(pixels))
        }
        val lines = complaints(golden, seen, golden.pictures.associate { it.stem to stored(asset(it.input)) })
        assertEquals(lines.joinToString("\n"), 0, lines.size)
    }

    @Test
    fun theModelIsTheOneOfTheGoldenPictures() {
        val content = app.assets.open(MODEL.file).use { it.readBytes() }
        val digest = MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }
        assertEquals(golden.sha256, digest)
        assertEquals(golden.sha256, MODEL.sha256)
    }

    @Test
    fun theAppSeesWhatTheModelWasTrainedToSee() = Classifier(app).use { check(it::probabilities) }

    @Test
    fun mediaPipeSeesTheSame() = TasksClassifier(app).use { check(it::probabilities) }
}
