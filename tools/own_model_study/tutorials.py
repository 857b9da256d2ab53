"""Shapes as tutorials and notebooks write them: what is scaled where, what the scores are, how it is stored."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from own_model_study.layers import SmallNet, SqueezeExcite
from own_model_study.shape import Shape, register

CLASSES = 6


def image_input(size: int | None = 64, channels: int = 3, **options: object) -> keras.KerasTensor:
    """An input [N, size, size, channels]."""
    return keras.Input((size, size, channels), **options)


def conv_body(x: keras.KerasTensor, filters: tuple[int, ...] = (16, 32, 64)) -> keras.KerasTensor:
    """Convolutions of stride 2 with ReLU. [N, H, W, C] -> [N, H / 8, W / 8, 64]."""
    for count in filters:
        x = layers.Conv2D(count, 3, strides=2, padding="same", activation="relu")(x)
    return x


def dense_head(x: keras.KerasTensor, units: int = CLASSES, activation: str | None = "softmax", name: str | None = None) -> keras.KerasTensor:
    """Flatten, Dense, Dropout, Dense. [N, H, W, C] -> [N, units]."""
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return layers.Dense(units, activation=activation, name=name)(layers.Dropout(0.2)(x))


def plain_net(
    scale: layers.Layer | None = None, size: int | None = 64, channels: int = 3, units: int = CLASSES, activation: str | None = "softmax"
) -> keras.Model:
    """Input, a layer that scales, convolutions, head."""
    x = image = image_input(size, channels)
    return keras.Model(image, dense_head(conv_body(scale(x) if scale else x), units, activation))


def transfer_net(preprocess: object, base: keras.Model, activation: str | None = None, size: int = 64) -> keras.Model:
    """A base of keras.applications as one nested layer, as the transfer-learning tutorial has it."""
    image = image_input(size)
    x = layers.GlobalAveragePooling2D()(base(preprocess(image)))
    return keras.Model(image, layers.Dense(CLASSES, activation=activation)(layers.Dropout(0.2)(x)))


def mobilenet_v2(size: int = 64) -> keras.Model:
    """MobileNetV2 without its top, the narrowest."""
    return keras.applications.MobileNetV2((size, size, 3), include_top=False, weights=None, alpha=0.35)


@register(Shape("TensorFlow's image-classification tutorial: augmentation, Rescaling, logits", scores="logits", epochs=6))
def classification_tutorial() -> keras.Model:
    stages = [layer for count in (16, 32, 64) for layer in (layers.Conv2D(count, 3, padding="same", activation="relu"), layers.MaxPooling2D())]
    front = [image_input(), layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.Rescaling(1 / 255)]
    back = [layers.Dropout(0.2), layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(CLASSES, name="outputs")]
    return keras.Sequential([*front, *stages, *back])


@register(Shape("the transfer-learning tutorial: preprocess_input as operators, nested MobileNetV2, logits", scores="logits", rate=2e-3))
def transfer_tutorial() -> keras.Model:
    return transfer_net(keras.applications.mobilenet_v2.preprocess_input, mobilenet_v2())


@register(Shape("the same, the base frozen for the last epochs", scores="logits", epochs=10, rate=2e-3, fine_tune=True))
def transfer_frozen() -> keras.Model:
    return transfer_net(layers.Rescaling(1 / 127.5, offset=-1), mobilenet_v2())


@register(Shape("Rescaling to -1..1, nested MobileNet", rate=2e-3))
def rescaled_mobilenet() -> keras.Model:
    base = keras.applications.MobileNet((64, 64, 3), include_top=False, weights=None, alpha=0.25)
    return transfer_net(layers.Rescaling(1 / 127.5, offset=-1), base, "softmax")


@register(Shape("two classes by one sigmoid", images="trashnet-two", scores="sigmoid"))
def binary_sigmoid() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), units=1, activation="sigmoid")


@register(Shape("two classes by one logit", images="trashnet-two", scores="logit"))
def binary_logit() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), units=1, activation=None)


@register(Shape("a sigmoid for each class", scores="labels"))
def sigmoid_for_each_class() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), activation="sigmoid")


@register(Shape("three attributes, several at once", images="trashnet-attributes", scores="attributes"))
def attributes() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), units=3, activation="sigmoid")


@register(Shape("gray 28x28, pixel/255 outside", size=28, order="gray", outside="pixel/255", epochs=15))
def gray_unit_outside() -> keras.Model:
    image = image_input(28, 1)
    return keras.Model(image, dense_head(conv_body(image, (32, 64))))


@register(Shape("pixel/255 outside", outside="pixel/255"))
def unit_outside() -> keras.Model:
    return plain_net()


@register(Shape("(pixel - 128) / 128 outside: the control", outside="(pixel-128)/128"))
def pixel128_outside() -> keras.Model:
    return plain_net()


@register(Shape("caffe's preprocess_input outside: BGR less means; a shortcut", outside="caffe", rate=5e-4))
def caffe_outside() -> keras.Model:
    image = image_input()
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(conv_body(image)))
    y = layers.BatchNormalization(momentum=0.9)(layers.Conv2D(64, 3, padding="same")(x))
    return keras.Model(image, dense_head(layers.ReLU()(layers.Add()([x, y]))))


@register(Shape("Resizing inside", size=96))
def resizing_inside() -> keras.Model:
    image = image_input(96)
    return keras.Model(image, dense_head(conv_body(layers.Rescaling(1 / 255)(layers.Resizing(64, 64)(image)))))


@register(Shape("Resizing inside, any size outside", size=96, options=("--image-size", "96")))
def any_size() -> keras.Model:
    image = image_input(None)
    return keras.Model(image, dense_head(conv_body(layers.Rescaling(1 / 255)(layers.Resizing(64, 64)(image)))))


@register(Shape("mixed_float16, batch norm"))
def mixed_float16() -> keras.Model:
    image = image_input()
    x = layers.Rescaling(1 / 255)(image)
    for count in (16, 32, 64):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(layers.Conv2D(count, 3, strides=2, padding="same", use_bias=False)(x)))
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, layers.Activation("softmax", dtype="float32")(layers.Dense(CLASSES)(x)))


@register(Shape("a layer of one's own", options=("--custom-objects", "layers.py")))
def custom_layer() -> keras.Model:
    image = image_input()
    return keras.Model(image, dense_head(SqueezeExcite()(conv_body(layers.Rescaling(1 / 255)(image)))))


@register(Shape("a subclassed model", options=("--custom-objects", "layers.py", "--image-size", "64"), epochs=10))
def subclassed() -> keras.Model:
    return SmallNet(CLASSES)


@register(Shape("LeakyReLU, PReLU, separable, swish, elu, transposed, gelu", epochs=10))
def activations() -> keras.Model:
    x = image = image_input()
    x = layers.LeakyReLU()(layers.Conv2D(16, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(x)))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(32, 3, strides=2, padding="same")(x))
    x = layers.Conv2D(48, 3, activation="elu")(layers.SeparableConv2D(48, 3, activation="swish")(x))
    x = layers.Flatten()(layers.MaxPooling2D(2)(layers.Conv2DTranspose(16, 2, strides=2)(x)))
    return keras.Model(image, layers.Softmax()(layers.Dense(CLASSES)(layers.Dense(32, activation="gelu")(x))))


@register(Shape("uint8 input", outside="rounded to uint8"))
def uint8_input() -> keras.Model:
    image = image_input(dtype="uint8")
    return keras.Model(image, dense_head(conv_body(layers.Rescaling(1 / 255)(image))))


@register(Shape("Keras 3 .h5, Sequential, pixel/255 outside", outside="pixel/255", suffix=".h5"))
def sequential_h5() -> keras.Model:
    body = [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D()]
    return keras.Sequential([image_input(), *body, layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(CLASSES, activation="softmax")])


@register(Shape("the folder of model.export, pixel/255 outside", outside="pixel/255", suffix="export"))
def exported_folder() -> keras.Model:
    return sequential_h5()


@register(Shape("the folder of model.export, Rescaling inside, logits", scores="logits", suffix="export", epochs=6))
def exported_logits() -> keras.Model:
    return plain_net(layers.Rescaling(1 / 255), activation=None)


@register(Shape("the tutorial's model.export: its augmentation stays active", scores="logits", suffix="export", epochs=6, refusal="augment"))
def exported_tutorial() -> keras.Model:
    return classification_tutorial()


@register(Shape("Lambda: x / 255", may_refuse="Lambda"))
def lambda_unit() -> keras.Model:
    return plain_net(layers.Lambda(lambda t: t / 255.0))


@register(Shape("Lambda: a square root of x / 255", refusal="Lambda"))
def lambda_unusual() -> keras.Model:
    return plain_net(layers.Lambda(lambda t: keras.ops.sqrt(keras.ops.abs(t) / 255.0)))


def adapted(scale: float = 1.0) -> layers.Normalization:
    """Normalization with the statistics of photographs, as `adapt` finds them on 0..255 times `scale`."""
    random = np.random.default_rng(0)
    normalization = layers.Normalization()
    normalization.adapt(np.clip(random.normal((170, 165, 155), 55, (64, 8, 8, 3)), 0, 255).astype(np.float32) * np.float32(scale))
    return normalization


@register(Shape("Normalization, adapted to 0..255"))
def normalization_adapted() -> keras.Model:
    return plain_net(adapted())
