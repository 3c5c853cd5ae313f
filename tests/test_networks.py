"""Encoders and decoders: shapes, image sizes, tied weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import normal

from ae_zoo import networks


@pytest.mark.parametrize("shape", [(28, 20, 1), (33, 47, 3), (9, 7, 3), (1, 5, 2)])
@pytest.mark.parametrize("latent_dim", [None, 5])
@pytest.mark.parametrize("filters", [[4], [4, 6, 8]])
def test_convolutional_decoders_return_to_any_size(shape, latent_dim, filters):
    encoder = networks.convolutional_encoder(shape, filters, latent_dim)
    decoder = networks.convolutional_decoder(shape, filters, latent_dim)
    assert encoder.output_shape == decoder.input_shape
    assert decoder.output_shape == (None, *shape)
    height, width, _ = shape
    for _ in filters:
        height, width = -(-height // 2), -(-width // 2)
    expected = (height, width, filters[-1]) if latent_dim is None else (5,)
    assert encoder.output_shape == (None, *expected)


def test_the_first_and_the_last_dense_layer_have_names():
    """Recipes name them to keep `optimizers.muon` from their large kernels."""
    for units in [[5], [9, 7, 5]]:
        encoder = networks.dense_encoder((4, 3), units)
        decoder = networks.dense_decoder(5, units[-2::-1], (4, 3))
        assert encoder.get_layer("from_input").kernel.shape == (12, units[0])
        assert decoder.get_layer("to_output").kernel.shape == (units[0], 12)


def test_convolutional_decoder_mirrors_the_filters():
    decoder = networks.convolutional_decoder((16, 16, 3), [4, 6, 8])
    kinds = keras.layers.Conv2DTranspose, keras.layers.Conv2D
    filters = [layer.filters for layer in decoder.layers if isinstance(layer, kinds)]
    assert filters == [6, 4, 4, 3]


@pytest.mark.parametrize("shape", [(28, 20, 1), (33, 47, 3), (1, 5, 2)])
def test_a_u_net_keeps_the_size_and_the_input(shape):
    encoder = networks.u_net_encoder(shape, [4, 6, 8])
    assert encoder.output_shape == (None, *shape[:2], shape[2] + 4)
    x = normal(2, *shape)
    np.testing.assert_array_equal(encoder(x)[..., : shape[2]], x)
    decoder = networks.pixel_decoder(encoder.output_shape[1:], shape[2])
    assert decoder.output_shape == (None, *shape)


@pytest.mark.parametrize("shape", [(28, 20, 1), (33, 47, 3), (1, 5, 2)])
def test_a_residual_u_net_keeps_the_size_and_the_input(shape):
    encoder = networks.residual_u_net_encoder(shape, [4, 6, 8], [1, 2, 1], features=5)
    assert encoder.output_shape == (None, *shape[:2], shape[2] + 5)
    x = normal(2, *shape)
    np.testing.assert_array_equal(encoder(x)[..., : shape[2]], x)


def test_the_blocks_of_a_residual_u_net_begin_as_the_identity():
    def outputs(blocks):
        keras.utils.set_random_seed(0)
        encoder = networks.residual_u_net_encoder((16, 16, 1), [4], [blocks])
        first, last = encoder.layers[1], encoder.layers[-3]
        first.set_weights([np.ones(weight.shape) for weight in first.weights])
        last.set_weights([np.ones(weight.shape) for weight in last.weights])
        return encoder(x)

    x = normal(2, 16, 16, 1)
    np.testing.assert_array_equal(outputs(blocks=3), outputs(blocks=1))


def test_a_residual_u_net_treats_all_brightness_alike():
    encoder = networks.residual_u_net_encoder((16, 16, 1), [4, 6], [1, 1])
    # The last convolution of a block begins with zeros.
    encoder.set_weights([normal(*weight.shape) for weight in encoder.get_weights()])
    x = normal(2, 16, 16, 1)
    np.testing.assert_allclose(encoder(2 * x), 2 * encoder(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kernel_size", [1, 3, (3, 5)])
def test_a_pixel_decoder_can_start_from_the_input(kernel_size):
    decoder = networks.pixel_decoder(
        (8, 9, 6), 2, kernel_size, output="linear", starts_from_input=True
    )
    code = normal(2, 8, 9, 6)
    assert 0 < np.abs(decoder(code) - code[..., :2]).max()
    code[..., 2:] = 0
    np.testing.assert_array_equal(decoder(code), code[..., :2])


def test_a_residual_u_net_needs_blocks_for_each_size():
    with pytest.raises(ValueError, match="one number for each of `filters`"):
        networks.residual_u_net_encoder((16, 16, 1), [4, 6], [1])


def test_a_u_net_sees_far_through_its_coarse_scales():
    """Counts the input pixels that change the features of the central pixel."""
    reach = {}
    for scales in (1, 3):
        encoder = networks.u_net_encoder((33, 33, 1), [4] * scales, "linear")
        x = np.zeros((1, 33, 33, 1), "float32")
        with tf.GradientTape() as tape:
            x = tf.constant(x)
            tape.watch(x)
            center = tf.reduce_sum(encoder(x)[0, 16, 16, 1:])
        rows = np.abs(tape.gradient(center, x)[0, :, :, 0]).max(axis=1)
        reach[scales] = (rows > 0).sum()
    assert reach[1] == 3  # one convolution of 3×3
    assert reach[3] > 15


@pytest.mark.parametrize("shape", [(28, 20, 1), (33, 47, 3), (3, 5, 2)])
@pytest.mark.parametrize("patch_size", [1, 4])
def test_residual_decoders_return_to_any_size(shape, patch_size):
    grid = {"patch_size": patch_size, "channels": 4, "blocks": 2}
    encoder = networks.residual_encoder(shape, units=7, **grid)
    decoder = networks.residual_decoder(3, 7, shape, **grid)
    assert encoder.output_shape == (None, 7)
    assert decoder.output_shape == (None, *shape)
    cells = -(-shape[0] // patch_size) * -(-shape[1] // patch_size)
    # By which `optimizers.muon` may leave out their large kernels.
    assert encoder.get_layer("from_grid").kernel.shape == (4 * cells, 7)
    assert decoder.get_layer("to_grid").kernel.shape == (7, 4 * cells)


def test_a_residual_decoder_lays_out_its_patches():
    """Its last layer is a transposed convolution whose stride is the patch size."""
    shape, size = (8, 12, 2), 4
    decoder = networks.residual_decoder(3, 5, shape, size, channels=6, blocks=1)
    patches = [layer for layer in decoder.layers if hasattr(layer, "filters")][-1]
    kernel = normal(*patches.kernel.shape)  # (3, 3, 6, size² · 2)
    patches.set_weights([kernel, np.zeros(patches.filters, "float32")])
    grid = keras.Model(decoder.input, patches.input)(normal(4, 3))
    # Cell (i, j) of the convolution reads cell (i + u − 1, j + v − 1) by kernel[u, v].
    kernel = kernel[::-1, ::-1].reshape(3, 3, 6, size, size, 2)
    kernel = kernel.transpose(0, 3, 1, 4, 5, 2).reshape(3 * size, 3 * size, 2, 6)
    logits = tf.nn.conv2d_transpose(grid, kernel, (4, *shape), size, "SAME")
    expected = tf.sigmoid(logits)
    np.testing.assert_allclose(decoder(normal(4, 3)), expected, rtol=1e-5, atol=1e-6)


def test_residual_blocks_add_to_their_input():
    shape = (8, 8, 1)
    encoder = networks.residual_encoder(shape, 2, channels=3, blocks=2, units=4)
    first, *others = [layer for layer in encoder.layers if hasattr(layer, "filters")]
    for layer in others:  # silu(0) = 0
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    x = normal(2, *shape)
    features = keras.Model(encoder.input, encoder.get_layer("from_grid").input)(x)
    expected = tf.nn.silu(tf.nn.conv2d(x, first.kernel, 2, "SAME") + first.bias)
    np.testing.assert_allclose(
        features, tf.reshape(expected, (2, -1)), rtol=1e-5, atol=1e-6
    )


def test_dense_stacks():
    encoder = networks.dense_encoder((4, 4, 3), [20, 10, 5], "relu", "sigmoid")
    decoder = networks.dense_decoder(5, [10, 20], (4, 4, 3), "relu", "linear")
    chain = networks.dense_chain(encoder)
    assert [layer.kernel.shape for layer in chain] == [(48, 20), (20, 10), (10, 5)]
    assert [layer.activation.__name__ for layer in chain] == ["relu", "relu", "sigmoid"]
    assert decoder.output_shape == (None, 4, 4, 3)
    assert decoder(normal(9, 5)).numpy().min() < 0  # no sigmoid


def test_reconstructions_are_float32_in_mixed_precision(mixed_bfloat16):
    assert networks.dense_decoder(5, [], (8,)).output.dtype == "float32"
    assert networks.convolutional_decoder((8, 8, 1), [4]).output.dtype == "float32"
    encoder = networks.dense_encoder((8,), [4, 3])
    assert encoder.output.dtype == "bfloat16"
    assert networks.tied_decoder(encoder, "sigmoid").output.dtype == "float32"


def test_a_tied_decoder_by_numpy():
    """x̂ = σ(W₁ᵀ tanh(W₂ᵀ z + b₂) + b₁): hidden activations in reverse order."""
    encoder = networks.dense_encoder((2, 3), [5, 4], "tanh", "relu")
    decoder = networks.tied_decoder(encoder, "sigmoid")
    outer, inner = networks.dense_chain(encoder)
    b2, b1 = normal(5), normal(6)
    for weight, value in zip(decoder.weights, (b2, b1), strict=True):
        weight.assign(value)
    z = normal(7, 4)
    hidden = np.tanh(z @ inner.kernel.numpy().T + b2)
    expected = 1 / (1 + np.exp(-(hidden @ outer.kernel.numpy().T + b1)))
    # Two float32 products of six terms.
    np.testing.assert_allclose(
        decoder(z), expected.reshape(7, 2, 3), rtol=1e-5, atol=1e-6
    )


def test_a_tied_decoder_of_five_layers_mirrors_them():
    encoder = networks.dense_encoder((12,), [11, 10, 9, 8, 7])
    decoder = networks.tied_decoder(encoder, "sigmoid")
    widths = [layer.output.shape[1] for layer in decoder.layers]
    assert widths == [7, 8, 9, 10, 11, 12, 12]  # input, five layers, activation


def test_a_tied_decoder_starts_from_a_reshaped_code():
    layers = keras.layers
    encoder = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dropout(0.1),
            layers.Dense(6),
            layers.Reshape((2, 3)),
        ]
    )
    decoder = networks.tied_decoder(encoder, "linear")
    assert decoder.input_shape == (None, 2, 3)
    z = normal(5, 2, 3)
    expected = z.reshape(5, 6) @ encoder.layers[1].kernel.numpy().T
    np.testing.assert_allclose(decoder(z), expected, rtol=1e-5, atol=1e-6)


def parallel():
    x = keras.Input((8,))
    both = keras.layers.Add()([keras.layers.Dense(3)(x), keras.layers.Dense(3)(x)])
    return keras.Model(x, both)


def normalized():
    x = keras.Input((8,))
    return keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Dense(3)(x)))


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return -self.dense(x)


def subclassed():
    model = Own()
    model(keras.Input((8,)))
    return model


def convolutional():
    return networks.convolutional_encoder((8, 8, 1), [4], 5)


def squared():
    x = keras.Input((8,))
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Dense(5)(x) ** 2))


@pytest.mark.parametrize(
    "encoder", [parallel, normalized, subclassed, convolutional, squared]
)
def test_only_chains_of_dense_layers_can_be_tied(encoder):
    assert networks.dense_chain(encoder()) == []
    with pytest.raises(ValueError, match="'tied' needs.*chain of Dense.*Received"):
        networks.tied_decoder(encoder(), "sigmoid")


def test_the_layer_of_the_code_and_the_dictionary():
    encoder = networks.convolutional_encoder((8, 8, 1), [4], 5)
    decoder = networks.dense_decoder(5, [], (8, 8, 1))
    assert networks.code_layer(encoder) is encoder.layers[-1]
    assert networks.dictionary(decoder) is decoder.get_layer("to_output")


def rectified():
    x = keras.Input((8,))
    return keras.Model(x, keras.ops.relu(keras.layers.Dense(3)(x)))


@pytest.mark.parametrize("model", [parallel, normalized, subclassed, rectified])
def test_a_code_that_no_dense_layer_gives(model):
    assert networks.code_layer(model()) is None
    assert networks.dictionary(model()) is None


@pytest.mark.parametrize(
    "decoder",
    [
        lambda: networks.dense_decoder(5, [4], (8,)),
        lambda: networks.convolutional_decoder((8, 8, 1), [4], 5),
        lambda: networks.tied_decoder(networks.dense_encoder((8,), [5]), "linear"),
        lambda: keras.Sequential(
            [keras.Input((4, 2)), keras.layers.Dense(4), keras.layers.Reshape((4, 4))]
        ),
        lambda: keras.Sequential(
            [
                keras.Input((5,)),
                keras.layers.Dense(8),
                keras.layers.Reshape((4, 2)),
                keras.layers.Permute((2, 1)),
            ]
        ),
    ],
)
def test_decoders_without_a_dictionary_of_their_own(decoder):
    assert networks.dictionary(decoder()) is None
