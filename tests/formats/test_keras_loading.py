"""Models of every form load, and give what the Keras that made them gives."""

from __future__ import annotations

import importlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import edgecnn, refused

from edgecnn.errors import BadFile, UnsafeModelError
from edgecnn.formats.keras import trust
from edgecnn.formats.keras.load import load, load_keras_model
from edgecnn.formats.keras.trust import LoadingOptions

tf_keras = pytest.importorskip("tf_keras")
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)


def body(layers, x):
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x))
    x = layers.DepthwiseConv2D(3, padding="same")(layers.ReLU(6.0)(x))
    return layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def wake(model):
    """Weights with which every layer matters."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        if "float" in str(weight.dtype) and "kernel" not in weight.name:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


def keras2(front):
    image = tf_keras.layers.Input((32, 32, 3))
    return wake(tf_keras.Model(image, body(tf_keras.layers, front(image))))


def fronts():
    import tensorflow as tf

    layers, ready = tf_keras.layers, tf_keras.applications
    return {
        "plain": lambda x: x,
        "lambda": lambda x: layers.Lambda(lambda t: t / 127.5 - 1)(x),
        "tf": ready.mobilenet_v2.preprocess_input,
        "caffe": ready.resnet50.preprocess_input,
        "torch": ready.densenet.preprocess_input,
        "operators": lambda x: 1.0 - tf.reduce_mean(tf.square(x / 255), [1, 2], keepdims=True) + tf.maximum(x / 99, 3.0) * tf.sigmoid(x),
        "functions": lambda x: tf.nn.avg_pool2d(tf.pad(tf.image.resize(x, (16, 16)), [[0, 0], [1, 1], [1, 1], [0, 0]]), 2, 2, "SAME"),
        "slice": lambda x: x[:, 1:-1, ::2, :2],
        "concat": lambda x: tf.concat([tf.cast(x, tf.float32), x * 2], -1),
        "augmented": lambda x: layers.Rescaling(1 / 255)(layers.RandomRotation(0.1)(layers.RandomFlip()(x))),
        "hard sigmoid": lambda x: layers.Conv2D(4, 3, activation="hard_sigmoid")(layers.Rescaling(1 / 255)(x)),
        "tensorflow's function": lambda x: layers.Activation(tf.nn.relu)(layers.Conv2D(4, 3, activation=tf.nn.swish)(layers.Rescaling(1 / 255)(x))),
        "normalization": layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0]),
    }


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
@pytest.mark.parametrize("name", fronts())
def test_keras_2_models_become_models_of_keras_3(tmp_path, name, suffix):
    model, path = keras2(fronts()[name]), tmp_path / f"old{suffix}"
    if suffix == ".hdf5" and name != "plain":
        return
    try:
        model.save(path)
    except (TypeError, ValueError, NotImplementedError):
        pytest.skip("tf_keras cannot save it so")
    loaded = load_keras_model(path)
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}
    assert np.abs(loaded(IMAGES, training=False).numpy() - model(IMAGES, training=False).numpy()).max() < 1e-5
    loaded.save(tmp_path / "new.keras")
    assert np.abs(load_keras_model(tmp_path / "new.keras")(IMAGES, training=False).numpy() - model(IMAGES, training=False).numpy()).max() < 1e-5


def inner_network():
    layers = tf_keras.layers
    base = keras2(lambda x: layers.BatchNormalization()(layers.Conv2D(8, 3)(x)))
    for layer in base.layers[:4]:
        layer.trainable = False
    return tf_keras.Sequential([layers.Input((32, 32, 3)), layers.Rescaling(1 / 127.5, -1), base, layers.Dense(5)])


@pytest.mark.parametrize("place", ["old.h5", "old.keras", "folder"])
def test_an_inner_network_with_frozen_layers_keeps_its_weights_in_their_places(tmp_path, place):
    model = inner_network()
    model.save(tmp_path / place, **({"save_format": "tf"} if place == "folder" else {}))
    loaded = load_keras_model(tmp_path / place)
    assert np.allclose(loaded(IMAGES, training=False).numpy(), model(IMAGES, training=False).numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["plain", "tf", "lambda"])
def test_saved_model_folders_of_keras_2(tmp_path, name):
    model = keras2(fronts()[name])
    model.save(tmp_path / "folder", save_format="tf")
    loaded = load_keras_model(tmp_path / "folder")
    assert np.abs(loaded(IMAGES, training=False).numpy() - model(IMAGES, training=False).numpy()).max() < 1e-5
    # A Lambda is not in the description that Keras 2 leaves beside the graph: the graph itself is run.
    assert any(type(layer).__name__ == "SavedModelLayer" for layer in loaded.layers) == (name == "lambda")


def keras3(front=lambda x: x, size=32, **dense):
    image = keras.Input((size, size, 3))
    return keras.Model(image, body(keras.layers, front(image)))


def layers_of_applications(backend, applications):
    """What ConvNeXt and InceptionResNetV2 of keras.applications bring of their own."""
    layers, image = backend.layers, backend.layers.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2)(image)
    y = applications.convnext.LayerScale(0.5, 8, name="scale")(layers.Conv2D(8, 1)(x))
    x = layers.Add()([x, applications.convnext.StochasticDepth(0.3)(y)])
    x = applications.inception_resnet_v2.CustomScaleLayer(0.2)([x, layers.Conv2D(8, 1)(x)])
    return wake(backend.Model(image, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))))


@pytest.mark.parametrize("place", ["three.keras", "three.h5", "two.keras", "two.h5"])
def test_layers_that_keras_applications_define(tmp_path, place):
    two = place.startswith("two")
    backend = tf_keras if two else keras
    model = layers_of_applications(backend, importlib.import_module(f"{'tf_keras' if two else 'keras'}.src.applications"))
    model.save(tmp_path / place)
    loaded = load_keras_model(tmp_path / place)
    assert np.abs(np.asarray(loaded(IMAGES, training=False)) - np.asarray(model(IMAGES, training=False))).max() < 1e-5


def test_folders_of_model_export_can_be_run_and_converted(tmp_path):
    model = wake(keras3(keras.layers.Rescaling(1 / 255)))
    model.export(tmp_path / "served", verbose=False)
    loaded = load_keras_model(tmp_path / "served")
    assert np.abs(loaded(IMAGES).numpy() - model(IMAGES).numpy()).max() < 1e-5
    from edgecnn.export.graph import freeze

    assert not {node.op for node in freeze(loaded, 1).graph_def.node} & {"VarHandleOp", "ReadVariableOp", "PartitionedCall", "StatefulPartitionedCall"}


class Counting(tf.Module):
    """A served network that counts its calls; with `felt`, the count is in its answer."""

    def __init__(self, felt: bool) -> None:
        self.network, self.count, self.felt = wake(keras3(keras.layers.Rescaling(1 / 255))), tf.Variable(0.0), felt

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), tf.float32)])
    def __call__(self, image):
        self.count.assign_add(1.0)
        return self.network(image, training=False) + (self.count if self.felt else 0.0)


def test_a_state_that_no_answer_depends_on_is_left_out(tmp_path):
    served = Counting(False)
    tf.saved_model.save(served, str(tmp_path / "counting"), signatures=served.__call__)
    loaded = load_keras_model(tmp_path / "counting")
    assert np.abs(loaded(IMAGES).numpy() - served.network(IMAGES).numpy()).max() < 1e-5
    from edgecnn.export.graph import freeze

    assert not {node.op for node in freeze(loaded, 1).graph_def.node} & {"VarHandleOp", "AssignAddVariableOp", "StatefulPartitionedCall"}


def test_a_state_in_the_answer_is_refused_by_name(tmp_path):
    served = Counting(True)
    tf.saved_model.save(served, str(tmp_path / "counting"), signatures=served.__call__)
    with pytest.raises(BadFile, match="differently each time: it keeps a state"):
        load_keras_model(tmp_path / "counting")


def test_augmentation_that_model_export_keeps_active_is_refused_by_name(tmp_path):
    """Keras 3 calls the model without `training`, and augmentation layers then take True."""
    layers = [keras.Input((32, 32, 3)), keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.3), keras.layers.Flatten(), keras.layers.Dense(3)]
    keras.Sequential(layers).export(tmp_path / "served", verbose=False)
    with pytest.raises(BadFile, match=r"random_flip\w*, random_rotation\w* augment in it"):
        load_keras_model(tmp_path / "served")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_usual_lambdas_of_keras_3_are_replaced(tmp_path, suffix):
    model = wake(keras3(keras.layers.Lambda(lambda t: t / 127.5 - 1, output_shape=(32, 32, 3))))
    model.save(tmp_path / f"net{suffix}")
    loaded = load_keras_model(tmp_path / f"net{suffix}")
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in loaded.layers)
    assert np.abs(loaded(IMAGES).numpy() - model(IMAGES).numpy()).max() < 1e-5


def test_half_precision_computes_in_float32_and_says_so(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras3(keras.layers.Rescaling(1 / 255))
    finally:
        keras.config.set_dtype_policy("float32")
    model.save(tmp_path / "half.keras")
    loaded = load(tmp_path / "half.keras")
    assert "float32" in loaded.notes[0]
    assert {layer.compute_dtype for layer in loaded.model.layers} == {"float32"}
    assert np.abs(loaded.model(IMAGES).numpy() - np.asarray(model(IMAGES), np.float32)).max() < 0.01


@pytest.mark.parametrize("kind", ["BatchNormalization", "Dropout"])
def test_layers_in_training_mode_are_named(tmp_path, kind):
    layer = keras.layers.BatchNormalization(name="odd") if kind == "BatchNormalization" else keras.layers.Dropout(0.5, name="odd")
    keras3(lambda x: layer(x, training=True)).save(tmp_path / "net.keras")
    refused(edgecnn("export", tmp_path / "net.keras", "--tflite"), "layer 'odd'", "training=True")


def test_open_size_several_outputs_and_inputs(tmp_path):
    layers = keras.layers
    image = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image))
    keras.Model(image, [layers.Dense(3, name="digit")(x), layers.Dense(2, name="hand")(x)]).save(tmp_path / "two.keras")
    model = load_keras_model(tmp_path / "two.keras", image_size=(20, 24), output="hand")
    assert (model.input_shape, model.output_shape) == ((None, 20, 24, 3), (None, 2))
    with pytest.raises(BadFile, match="digit, hand"):
        load_keras_model(tmp_path / "two.keras", output="foot")
    other = keras.Input((8, 8, 3), name="second")
    keras.Model([image, other], layers.Add()([x, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(other))])).save(tmp_path / "inputs.keras")
    with pytest.raises(BadFile, match="second"):
        load_keras_model(tmp_path / "inputs.keras")


OWN = """
import keras
@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x
@keras.saving.register_keras_serializable("mine")
class Net(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.conv, self.last = keras.layers.Conv2D(4, 3), keras.layers.Dense(3)
    def call(self, x):
        return self.last(keras.ops.mean(self.conv(x), (1, 2)))
"""


@pytest.fixture(name="own")
def own_layers(tmp_path):
    path = tmp_path / "own_layers.py"
    path.write_text(OWN)
    yield path
    registered = keras.saving.get_custom_objects()
    for name in [name for name in registered if name.startswith("mine>")]:
        del registered[name]


def test_own_layers_and_subclassed_models(tmp_path, own):
    names: dict = {}
    exec(compile(OWN, "own", "exec"), names)
    layered, subclassed = keras3(names["Twice"]()), names["Net"]()
    wanted = layered(IMAGES).numpy(), subclassed(IMAGES).numpy()
    layered.save(tmp_path / "layer.keras")
    subclassed.save(tmp_path / "net.keras")
    keras.saving.get_custom_objects().clear()
    for name in ("layer", "net"):
        with pytest.raises(UnsafeModelError, match="--custom-objects"):
            load_keras_model(tmp_path / f"{name}.keras")
    with trust.use(LoadingOptions(custom_objects=str(own))):
        assert np.abs(load_keras_model(tmp_path / "layer.keras")(IMAGES).numpy() - wanted[0]).max() < 1e-6
        model = load_keras_model(tmp_path / "net.keras", image_size=(32, 32))
        assert model.input_shape == (None, 32, 32, 3)
        assert np.abs(model(IMAGES).numpy() - wanted[1]).max() < 1e-5
    result = edgecnn("info", tmp_path / "layer.keras", "--custom-objects", own)
    assert result.code == 0, result.err
    assert "is executed" in result.err


def test_code_runs_only_where_it_is_trusted_and_it_is_said(tmp_path):
    model = keras3(keras.layers.Lambda(lambda t: keras.ops.abs(t), output_shape=(32, 32, 3)))
    model.save(tmp_path / "net.keras")
    refused(edgecnn("info", tmp_path / "net.keras"), "Lambda", "--trust-code")
    result = edgecnn("info", tmp_path / "net.keras", "--trust-code")
    assert result.code == 0, result.err
    assert "--trust-code" in result.err
    assert trust.current() == LoadingOptions()


def test_trust_reaches_child_processes(tmp_path):
    from edgecnn.runtime.remote import RemoteRunner

    keras3(keras.layers.Lambda(lambda t: t + 0 * len(str(t)), output_shape=(32, 32, 3))).save(tmp_path / "net.keras")
    runner = RemoteRunner(Path(tmp_path / "net.keras"))
    with pytest.raises(UnsafeModelError):
        runner(IMAGES.astype(np.uint8))
    runner.close()
