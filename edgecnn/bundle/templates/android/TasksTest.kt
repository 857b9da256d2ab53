// The golden pictures by MediaPipe Tasks, on a device.

package edgecnn

import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Test
import org.junit.runner.RunWith

@RunWith(AndroidJUnit4::class)
class TasksTest {
    @Test
    fun mediaPipeSeesTheSame() = TasksClassifier(InstrumentationRegistry.getInstrumentation().targetContext).use { checkGolden(it::probabilities) }
}
