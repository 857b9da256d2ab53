"""What the Android bundle calls of Android, CameraX, LiteRT and MediaPipe, as their references declare it: declarations to compile against, never run.

https://developer.android.com/reference, https://ai.google.dev/edge/api/tflite/java, https://ai.google.dev/edge/api/mediapipe/java
"""

from __future__ import annotations

from pathlib import Path

SIGNATURES = {
    "android.app.Instrumentation": "class Instrumentation { public native android.content.Context getContext(); "
    "public native android.content.Context getTargetContext(); }",
    "android.content.Context": "abstract class Context { public abstract android.content.res.AssetManager getAssets(); }",
    "android.content.res.AssetFileDescriptor": "class AssetFileDescriptor implements java.io.Closeable { public native java.io.FileDescriptor "
    "getFileDescriptor(); public native long getStartOffset(); public native long getDeclaredLength(); "
    "public native void close() throws java.io.IOException; }",
    "android.content.res.AssetManager": "final class AssetManager { public native java.io.InputStream open(String fileName) throws java.io.IOException; "
    "public native AssetFileDescriptor openFd(String fileName) throws java.io.IOException; }",
    "android.graphics.Bitmap": "final class Bitmap { public enum Config { ALPHA_8, RGB_565, ARGB_4444, ARGB_8888, RGBA_F16, HARDWARE, RGBA_1010102 } "
    "public static native Bitmap createBitmap(int[] colors, int width, int height, Config config); "
    "public native Bitmap copy(Config config, boolean isMutable); "
    "public native Config getConfig(); public native int getWidth(); public native int getHeight(); "
    "public native void getPixels(int[] pixels, int offset, int stride, int x, int y, int width, int height); }",
    "android.graphics.BitmapFactory": "class BitmapFactory { public static class Options { public Bitmap.Config inPreferredConfig; public boolean inScaled; } "
    "public static native Bitmap decodeByteArray(byte[] data, int offset, int length, Options opts); }",
    "androidx.camera.core.ImageInfo": "interface ImageInfo { int getRotationDegrees(); }",
    "androidx.camera.core.ImageProxy": "interface ImageProxy extends AutoCloseable { ImageInfo getImageInfo(); android.graphics.Bitmap toBitmap(); }",
    "androidx.exifinterface.media.ExifInterface": 'class ExifInterface { public static final String TAG_ORIENTATION = "Orientation"; '
    "public static final int ORIENTATION_NORMAL = 1; public ExifInterface(java.io.InputStream inputStream) throws java.io.IOException {} "
    "public native int getAttributeInt(String tag, int defaultValue); }",
    "androidx.test.ext.junit.runners.AndroidJUnit4": "final class AndroidJUnit4 extends org.junit.runners.BlockJUnit4ClassRunner { "
    "public AndroidJUnit4(Class<?> klass) throws org.junit.runners.model.InitializationError { super(klass); } }",
    "androidx.test.platform.app.InstrumentationRegistry": "final class InstrumentationRegistry { "
    "public static native android.app.Instrumentation getInstrumentation(); }",
    "com.google.mediapipe.framework.image.BitmapImageBuilder": "class BitmapImageBuilder { public BitmapImageBuilder(android.graphics.Bitmap bitmap) {} "
    "public native MPImage build(); }",
    "com.google.mediapipe.framework.image.MPImage": "class MPImage {}",
    "com.google.mediapipe.tasks.components.containers.Category": "abstract class Category { public abstract float score(); public abstract int index(); "
    "public abstract String categoryName(); }",
    "com.google.mediapipe.tasks.components.containers.ClassificationResult": "abstract class ClassificationResult { "
    "public abstract java.util.List<Classifications> classifications(); }",
    "com.google.mediapipe.tasks.components.containers.Classifications": "abstract class Classifications { "
    "public abstract java.util.List<Category> categories(); }",
    "com.google.mediapipe.tasks.core.BaseOptions": "abstract class BaseOptions { public static native Builder builder(); "
    "public abstract static class Builder { public abstract Builder setModelAssetPath(String value); public final native BaseOptions build(); } }",
    "com.google.mediapipe.tasks.vision.core.RunningMode": "enum RunningMode { IMAGE, VIDEO, LIVE_STREAM }",
    "com.google.mediapipe.tasks.vision.imageclassifier.ImageClassifier": "final class ImageClassifier implements AutoCloseable { "
    "public static native ImageClassifier createFromOptions(android.content.Context context, ImageClassifierOptions options); "
    "public native ImageClassifierResult classify(com.google.mediapipe.framework.image.MPImage image); public native void close(); "
    "public abstract static class ImageClassifierOptions { public static native Builder builder(); public abstract static class Builder { "
    "public abstract Builder setBaseOptions(com.google.mediapipe.tasks.core.BaseOptions value); "
    "public abstract Builder setRunningMode(com.google.mediapipe.tasks.vision.core.RunningMode value); "
    "public final native ImageClassifierOptions build(); } } }",
    "com.google.mediapipe.tasks.vision.imageclassifier.ImageClassifierResult": "abstract class ImageClassifierResult { "
    "public abstract com.google.mediapipe.tasks.components.containers.ClassificationResult classificationResult(); }",
    "org.tensorflow.lite.Interpreter": "final class Interpreter implements AutoCloseable { public static class Options { "
    "public native Options setNumThreads(int numThreads); } public Interpreter(java.nio.ByteBuffer byteBuffer, Options options) {} "
    "public native void run(Object input, Object output); public native void close(); }",
}  # fmt: skip


def write(folder: Path) -> Path:
    """One Java file a class, for the Kotlin compiler to look names up in."""
    for name, declaration in SIGNATURES.items():
        package, _, simple = name.rpartition(".")
        path = folder.joinpath(*package.split("."), f"{simple}.java")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"package {package};\n\npublic {declaration}\n")
    return folder
