"""Shapes of Keras 2, built and stored by tf_keras."""

from __future__ import annotations

from collections.abc import Callable

import tf_keras
from tf_keras import layers

from own_model_study.shape import Shape, register


def legacy_net(scale: Callable[[object], object], *, depthwise: bool = False) -> tf_keras.Model:
    """Input, what scales, convolutions, head. [N, 64, 64, 3] -> [N, 6]."""
    image = layers.Input((64, 64, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(scale(image))
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    if depthwise:
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    for count in (32, 64):
        x = layers.Conv2D(count, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dropout(0.2)(layers.Dense(64, activation="relu")(layers.Flatten()(x)))
    return tf_keras.Model(image, layers.Dense(6, activation="softmax")(x))


@register(Shape("Keras 2 .h5, Lambda: x / 255", suffix=".h5", epochs=6, keras2=True, may_refuse="Lambda"))
def keras2_lambda() -> tf_keras.Model:
    return legacy_net(layers.Lambda(lambda t: t / 255.0))


@register(Shape("Keras 2 .h5, Rescaling", suffix=".h5", epochs=6, keras2=True))
def keras2_rescaling() -> tf_keras.Model:
    return legacy_net(layers.Rescaling(1 / 255), depthwise=True)


@register(Shape("Keras 2 .h5, preprocess_input as operators (TFOpLambda)", suffix=".h5", epochs=6, keras2=True))
def keras2_operators() -> tf_keras.Model:
    return legacy_net(tf_keras.applications.mobilenet_v2.preprocess_input)


@register(Shape("Keras 2 .h5, pixel/255 outside", outside="pixel/255", suffix=".h5", epochs=6, keras2=True))
def keras2_outside() -> tf_keras.Model:
    return legacy_net(lambda x: x, depthwise=True)


@register(Shape("Keras 2 SavedModel folder, pixel/255 outside", outside="pixel/255", suffix="", epochs=6, keras2=True))
def keras2_savedmodel() -> tf_keras.Model:
    return keras2_outside()


@register(Shape("Keras 2 .keras, pixel/255 outside", outside="pixel/255", epochs=6, keras2=True))
def keras2_v3_file() -> tf_keras.Model:
    return keras2_outside()
