"""Layers and a model of one's own, as a notebook has them: what `--custom-objects` is given."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("own_model_study")
class SqueezeExcite(keras.layers.Layer):
    """Scale each channel by what the means of all channels say. [N, H, W, C] -> [N, H, W, C].

    Jie Hu et al., 2018, section 3, https://arxiv.org/abs/1709.01507
    """

    def __init__(self, ratio: int = 4, **options: object) -> None:
        super().__init__(**options)
        self.ratio = ratio

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        self.squeeze = keras.layers.Dense(channels // self.ratio, activation="relu")
        self.excite = keras.layers.Dense(channels, activation="sigmoid")
        self.squeeze.build((None, channels))
        self.excite.build((None, channels // self.ratio))
        self.built = True

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        gates = self.excite(self.squeeze(keras.ops.mean(x, axis=(1, 2))))
        return x * gates[:, None, None, :]

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "ratio": self.ratio}


@keras.saving.register_keras_serializable("own_model_study")
class SmallNet(keras.Model):
    """A subclassed classifier that divides by 255 in its own `call`. [N, 64, 64, 3] of 0..255 -> [N, classes]."""

    def __init__(self, classes: int = 6, **options: object) -> None:
        super().__init__(**options)
        self.classes = classes
        self.convolutions = [keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu") for filters in (16, 32, 64)]
        self.flatten = keras.layers.Flatten()
        self.scores = keras.layers.Dense(classes, activation="softmax")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        x = x / 255.0
        for convolution in self.convolutions:
            x = convolution(x)
        return self.scores(self.flatten(x))

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "classes": self.classes}
