// Blocks to take over into the build.gradle.kts of your app's module.

android {
    defaultConfig {
        minSdk = 24
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }
    androidResources {
        noCompress += "tflite" // the model is mapped from the package as it lies there
    }
    sourceSets {
        // Golden.kt and the golden pictures serve the tests on the device and those without.
        getByName("test").java.srcDir("src/sharedTest/kotlin")
        getByName("androidTest").java.srcDir("src/sharedTest/kotlin")
        getByName("androidTest").assets.srcDir("src/sharedTest/assets")
    }
}

dependencies {
    implementation("com.google.ai.edge.litert:litert:1.4.2") // Classifier.kt
    implementation("com.google.mediapipe:tasks-vision:0.10.29") // TasksClassifier.kt and TasksTest.kt: the three come and go together
    implementation("androidx.camera:camera-core:1.4.2") // ImageProxy in Pictures.kt
    implementation("androidx.exifinterface:exifinterface:1.4.1")
    testImplementation("junit:junit:4.13.2")
    testImplementation("org.json:json:20240303")
    androidTestImplementation("androidx.test.ext:junit:1.2.1")
    androidTestImplementation("androidx.test:runner:1.6.2")
}
