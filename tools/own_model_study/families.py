"""Shapes of our own: families of keras.applications with their default preprocessing, and inputs and outputs of unusual form."""

from __future__ import annotations

import keras
from keras import layers

from own_model_study.shape import Shape, register
from own_model_study.tutorials import CLASSES, adapted, conv_body, dense_head, image_input, plain_net

applications = keras.applications


def cut(base: keras.Model, last: str) -> keras.Model:
    """The base up to the layer called `last`, as somebody does who takes features from the middle."""
    return keras.Model(base.input, base.get_layer(last).output, name=base.name)


def on_base(base: keras.Model, preprocess: object = lambda x: x, size: int = 64) -> keras.Model:
    """`preprocess` as operators, the base as one nested layer, its global mean, a softmax."""
    image = image_input(size)
    x = layers.GlobalAveragePooling2D()(base(preprocess(image)))
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))


@register(Shape("MobileNetV3Small, Rescaling inside", epochs=10, rate=2e-3))
def mobilenet_v3_small() -> keras.Model:
    return applications.MobileNetV3Small(weights=None, classes=CLASSES, input_shape=(64, 64, 3))


@register(Shape("EfficientNetB0, Rescaling and Normalization inside", size=48, epochs=6, rate=2e-3))
def efficientnet_b0() -> keras.Model:
    base = applications.EfficientNetB0(weights=None, include_top=False, input_shape=(48, 48, 3))
    return on_base(cut(base, "block5c_add"), size=48)


@register(Shape("EfficientNetV2B0, Rescaling and Normalization inside", size=48, epochs=6, rate=2e-3))
def efficientnet_v2_b0() -> keras.Model:
    base = applications.EfficientNetV2B0(weights=None, include_top=False, input_shape=(48, 48, 3))
    return on_base(cut(base, "block4c_add"), size=48)


@register(Shape("ResNet50V2, preprocess_input as operators", epochs=6))
def resnet50_v2() -> keras.Model:
    base = applications.ResNet50V2(weights=None, include_top=False, input_shape=(64, 64, 3))
    return on_base(cut(base, "conv3_block2_out"), applications.resnet_v2.preprocess_input)


@register(Shape("DenseNet121, preprocess_input as operators (torchvision's means)", epochs=5))
def densenet121() -> keras.Model:
    base = applications.DenseNet121(weights=None, include_top=False, input_shape=(64, 64, 3))
    return on_base(cut(base, "pool2_pool"), applications.densenet.preprocess_input)


@register(Shape("Xception, preprocess_input as operators", epochs=5))
def xception() -> keras.Model:
    base = applications.Xception(weights=None, include_top=False, input_shape=(71, 71, 3))
    cropped = layers.ZeroPadding2D(((3, 4), (3, 4)))
    return on_base(cut(base, "block3_sepconv2_bn"), lambda x: cropped(applications.xception.preprocess_input(x)))


@register(Shape("VGG16, caffe's preprocess_input as operators", size=32, epochs=8, rate=5e-4))
def vgg16() -> keras.Model:
    base = applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    return on_base(cut(base, "block2_pool"), applications.vgg16.preprocess_input, size=32)


@register(Shape("ConvNeXtTiny, Normalization inside", size=32, epochs=5))
def convnext_tiny() -> keras.Model:
    base = applications.ConvNeXtTiny(weights=None, include_top=False, input_shape=(32, 32, 3))
    return on_base(cut(base, "convnext_tiny_stage_0_block_1_identity"), size=32)


@register(Shape("a perceptron on [28, 28], pixel/255 outside", images="digits", size=28, order="gray", outside="no channel axis, /255"))
def flatten_perceptron() -> keras.Model:
    dense = [layers.Dense(128, activation="relu"), layers.Dropout(0.2), layers.Dense(10, activation="softmax")]
    return keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *dense])


@register(Shape("TensorFlow's quantization guide: [28, 28], logits", images="digits", size=28, order="gray", outside="no channel axis, /255", scores="logits"))
def quantization_guide() -> keras.Model:
    body = [layers.Reshape((28, 28, 1)), layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D((2, 2)), layers.Flatten(), layers.Dense(10)]
    return keras.Sequential([layers.InputLayer(shape=(28, 28)), *body])


@register(Shape("hands in gray, Rescaling inside", images="sign-digits", size=48, order="gray", epochs=12))
def gray_hands() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), size=48, channels=1, units=10)


@register(Shape("RGBA", order="rgba"))
def rgba() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), channels=4)


@register(Shape("two inputs", scores="two inputs", epochs=1, refusal=r"\b(2|two|several) inputs|one input"))
def two_inputs() -> keras.Model:
    left, right = image_input(name="left"), image_input(name="right")
    return keras.Model([left, right], dense_head(conv_body(layers.Rescaling(1 / 255)(layers.Concatenate()([left, right])))))


@register(Shape("two heads", scores="heads", options=("--output", "material")))
def two_heads() -> keras.Model:
    image = image_input()
    x = conv_body(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, [dense_head(x, name="material"), dense_head(x, 1, "sigmoid", name="fibre")])


@register(Shape("a batch of 1 only"))
def fixed_batch() -> keras.Model:
    image = keras.Input(batch_shape=(1, 64, 64, 3))
    return keras.Model(image, dense_head(conv_body(layers.Rescaling(1 / 255)(image))))


@register(Shape("batch norm called with training=True", refusal="batch"))
def batch_norm_training() -> keras.Model:
    image = image_input()
    x = conv_body(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, dense_head(layers.BatchNormalization()(x, training=True)))


@register(Shape("[3, H, W] input, pixels 0..255", outside="channels first"))
def channels_first() -> keras.Model:
    image = keras.Input((3, 64, 64))
    return keras.Model(image, dense_head(conv_body(layers.Rescaling(1 / 255)(layers.Permute((2, 3, 1))(image)))))


@register(Shape("Normalization adapted to pixel/255, which is done outside", outside="pixel/255"))
def normalization_of_unit() -> keras.Model:
    return plain_net(adapted(1 / 255))


@register(Shape("torchvision's means outside", outside="torchvision", options=("--preprocess", "torch")))
def torchvision_outside() -> keras.Model:
    return plain_net()


@register(Shape("pixel/127.5 - 1 outside", outside="pixel/127.5-1"))
def symmetric_outside() -> keras.Model:
    return plain_net()


@register(Shape("OpenCV's BGR, /255 outside", outside="BGR/255"))
def bgr_outside() -> keras.Model:
    return plain_net()


@register(Shape("scores in 0..100", scores="percent"))
def percent() -> keras.Model:
    image = image_input()
    return keras.Model(image, layers.Rescaling(100.0)(dense_head(conv_body(layers.Rescaling(1 / 255)(image)))))


@register(Shape("seven outputs for six classes, the last never used", may_refuse="7"))
def spare_output() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), units=7)
