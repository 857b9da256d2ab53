"""Small untrained classifiers in the forms that tutorials, notebooks and keras.applications have them; every one takes images of 32 x 32 pixels."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

SIZE, CLASSES = 32, 10
MODELS: dict[str, Callable[[], keras.Model]] = {}


def model(build: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
    """Put a builder into the table."""
    MODELS[build.__name__] = build
    return build


def image(**about) -> keras.KerasTensor:
    return keras.Input((SIZE, SIZE, 3), **about)


def body(x, width: int = 8):
    for i in range(2):
        x = layers.Conv2D(width * (i + 1), 3, strides=2, padding="same", activation="relu")(x)
    return x


def head(x, units: int = CLASSES, activation: str | None = "softmax"):
    return layers.Dense(units, activation=activation)(layers.Dropout(0.2)(layers.Dense(16, activation="relu")(layers.Flatten()(x))))


@model
def tutorial_with_augmentation():
    augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomContrast(0.1)])
    convolutions = [one for width in (8, 16) for one in (layers.Conv2D(width, 3, padding="same", activation="relu"), layers.MaxPooling2D())]
    inner = [augment, layers.Rescaling(1 / 255), *convolutions, layers.Dropout(0.2), layers.Flatten(), layers.Dense(16, activation="relu")]
    return keras.Sequential([image(), *inner, layers.Dense(CLASSES)])


@model
def nested_base_with_preprocess_input():
    base = keras.applications.MobileNetV2((SIZE, SIZE, 3), include_top=False, weights=None, alpha=0.35)
    x = source = image()
    x = base(keras.applications.mobilenet_v2.preprocess_input(x), training=False)
    base.trainable = False
    return keras.Model(source, layers.Dense(CLASSES)(layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))))


@model
def two_nested_models_with_the_same_names():
    def part(channels):
        inner = keras.Input((None, None, channels), name="inner")
        return keras.Model(inner, layers.BatchNormalization(name="norm")(layers.Conv2D(8, 3, strides=2, name="conv")(inner)), name=f"part{channels}")

    source = image()
    return keras.Model(source, head(part(8)(part(3)(source / 255.0))))


@model
def caffe_order_in_the_graph():
    source = image()
    x = keras.applications.resnet50.preprocess_input(source)
    return keras.Model(source, head(body(x)))


@model
def mobilenet_v3_whole():
    return keras.applications.MobileNetV3Small(weights=None, classes=CLASSES, input_shape=(SIZE, SIZE, 3), alpha=0.5, minimalistic=True)


@model
def one_sigmoid():
    source = image()
    return keras.Model(source, head(body(layers.Rescaling(1 / 255)(source)), 1, "sigmoid"))


@model
def one_logit():
    source = image()
    return keras.Model(source, head(body(layers.Rescaling(1 / 255)(source)), 1, None))


@model
def independent_sigmoids():
    source = image()
    return keras.Model(source, head(body(layers.Rescaling(1 / 255)(source)), CLASSES, "sigmoid"))


@model
def percent():
    source = image()
    return keras.Model(source, layers.Rescaling(100.0)(head(body(source / 255.0))))


@model
def softmax_before_a_reshape():
    source = image()
    x = layers.Conv2D(CLASSES, 1, activation="softmax")(layers.GlobalAveragePooling2D(keepdims=True)(body(source / 255.0)))
    return keras.Model(source, layers.Flatten()(x))


@model
def softmax_by_operations():
    source = image()
    x = ops.mean(ops.relu(layers.Conv2D(16, 3)(source / 127.5 - 1.0)), axis=(1, 2))
    return keras.Model(source, ops.softmax(layers.Dense(CLASSES)(x)))


@model
def normalization_of_channels():
    adapted = layers.Normalization()
    adapted.adapt(np.random.default_rng(0).uniform(0, 255, (16, SIZE, SIZE, 3)).astype("float32"))
    source = image()
    return keras.Model(source, head(body(adapted(source))))


@model
def resizing_of_any_size():
    source = keras.Input((None, None, 3))
    return keras.Model(source, head(body(layers.Rescaling(1 / 255)(layers.Resizing(24, 24)(source)))))


@model
def many_activations():
    x = source = image()
    x = layers.LeakyReLU()(layers.Conv2D(8, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(x)))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(8, 3, padding="same")(x))
    x = layers.SeparableConv2D(12, 3, activation="swish", padding="same")(x)
    x = layers.Conv2D(12, 3, activation="elu", padding="same")(x)
    x = layers.Activation("gelu")(layers.Conv2DTranspose(8, 2, strides=2, activation="hard_swish")(x))
    x = layers.Activation(keras.activations.relu6)(layers.DepthwiseConv2D(3, activation="hard_sigmoid")(x))
    return keras.Model(source, layers.Softmax()(layers.Dense(CLASSES)(layers.LayerNormalization()(layers.GlobalMaxPooling2D()(x)))))


@model
def branches():
    x = source = image()
    x = layers.ZeroPadding2D(1)(layers.Rescaling(1 / 255)(layers.Cropping2D(2)(x)))
    x = layers.Conv2D(8, 3, padding="same")(x)
    one, two = layers.Conv2D(8, 3, padding="same")(x), layers.GaussianNoise(0.1)(x)
    gate = layers.Dense(8, activation="sigmoid")(layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x)))
    x = layers.Concatenate()([layers.Add()([one, two]), layers.Multiply()([x, gate]), one + two, one * gate])
    x = layers.UpSampling2D()(layers.SpatialDropout2D(0.1)(layers.MaxPooling2D()(x)))
    first, second = ops.split(x, 2, axis=-1)
    return keras.Model(source, head(layers.AveragePooling2D(4)(ops.stack([first, second], axis=1)[:, 0])))


@model
def shared_layers():
    x = source = image()
    act, conv = layers.ReLU(), layers.Conv2D(3, 3, padding="same")
    return keras.Model(source, head(act(conv(act(conv(x / 255.0))))))


@model
def mixed_half_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    source = image()
    x = layers.BatchNormalization()(body(layers.Rescaling(1 / 255)(source)))
    net = keras.Model(source, layers.Activation("softmax", dtype="float32")(layers.Dense(CLASSES)(layers.Flatten()(x))))
    keras.mixed_precision.set_global_policy("float32")
    return net


@model
def bytes_in():
    source = image(dtype="uint8")
    return keras.Model(source, head(body(layers.Rescaling(1 / 255)(source))))


@model
def bytes_by_operations():
    source = image(dtype="uint8")
    return keras.Model(source, head(body(ops.cast(source, "float32") / 255.0)))


@model
def gray_without_channels():
    layered = [keras.Input((SIZE, SIZE)), layers.Reshape((SIZE, SIZE, 1)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D()]
    return keras.Sequential([*layered, layers.Flatten(), layers.Dense(CLASSES)])


@model
def fixed_batch():
    source = keras.Input(batch_shape=(1, SIZE, SIZE, 3))
    return keras.Model(source, head(body(source / 255.0)))


@model
def channels_first():
    source = keras.Input((3, SIZE, SIZE))
    return keras.Model(source, head(body(layers.Rescaling(1 / 255)(layers.Permute((2, 3, 1))(source)))))


class SqueezeExcite(layers.Layer):
    """As people write one: layers inside of a layer."""

    def build(self, shape):
        self.squeeze = layers.Dense(4, activation="relu")
        self.excite = layers.Dense(shape[-1], activation="sigmoid")
        self.squeeze.build((None, shape[-1]))
        self.excite.build((None, 4))
        super().build(shape)

    def call(self, x):
        return x * ops.expand_dims(self.excite(self.squeeze(ops.mean(x, axis=(1, 2), keepdims=False))), (1))[:, None]

    def compute_output_shape(self, shape):
        return shape


class Scaled(layers.Layer):
    """One with a weight of its own, which no layer of Keras has."""

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        return x * self.gain


class Doubled(layers.Layer):
    """One without weights."""

    def call(self, x):
        return x * 2.0


@model
def layers_of_convnext():
    source, applications = image(), importlib.import_module("keras.src.applications.convnext")
    x = body(source / 255.0)
    y = applications.LayerScale(0.5, 16, name="layer_scale")(layers.Conv2D(16, 1)(layers.LayerNormalization()(x)))
    return keras.Model(source, head(layers.Add()([x, applications.StochasticDepth(0.3)(y)])))


@model
def layers_in_a_row():
    source = image()
    x = layers.Conv2D(6, 3)(source)
    return keras.Model(source, head(body(Scaled(name="scaled")(Doubled()(layers.Rescaling(1 / 255)(x))))))


@model
def layer_made_of_layers():
    source = image()
    return keras.Model(source, head(SqueezeExcite(name="se")(body(source / 255.0))))


@model
def layer_with_its_own_weight():
    source = image()
    return keras.Model(source, head(Scaled(name="scaled")(body(source / 255.0))))


@model
def trusted_lambda():
    source = image()
    return keras.Model(source, head(body(layers.Lambda(lambda t: t / 255.0)(source))))


def stirred(net: keras.Model) -> keras.Model:
    """With random batch norms, biases and scores that vary."""
    random = np.random.default_rng(0)
    for layer in net._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, value.shape).astype("float32") for value in layer.get_weights()])
    return net
