"""Translates `reconstruct` of a zoo model to PyTorch, layer by layer."""

import torch
from torch import nn
from torch.nn import functional as F

import ae_zoo

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),  # slope of Keras
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


class Unsupported(RuntimeError):
    """The model contains something that cannot be translated."""


def translate(model):
    """Translates a model to a chain of PyTorch modules.

    Inputs and outputs are NHWC. Inside, images are NCHW, as PyTorch expects.

    Args:
        model: An `ae_zoo.models.Autoencoder`.

    Returns:
        An `nn.Module` in evaluation mode, from (batch, ...) to (batch, ...).

    Raises:
        Unsupported: A layer, or the way layers are connected, cannot be translated.
    """
    modules = [ChannelsFirst()] if len(model.input_shape) == 4 else []
    modules += _chain(model.encoder) + _bottleneck(model) + _chain(model.decoder)
    modules += [ChannelsLast()] if len(model.decoder.output_shape) == 4 else []
    return nn.Sequential(*modules).eval().requires_grad_(False)


class ChannelsFirst(nn.Module):
    """Converts NHWC to NCHW."""

    def forward(self, x):
        return x.permute(0, 3, 1, 2).contiguous()


class ChannelsLast(nn.Module):
    """Converts NCHW to NHWC."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).contiguous()


class Reshape(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)


class Pad(nn.Module):
    """Pads images with zeros: (left, right, top, bottom), as in F.pad."""

    def __init__(self, widths):
        super().__init__()
        self.widths = widths

    def forward(self, x):
        return F.pad(x, self.widths)


class Crop(nn.Module):
    """Removes rows and columns at the edges of images."""

    def __init__(self, top, bottom, left, right):
        super().__init__()
        self.rows = slice(top, -bottom or None)
        self.columns = slice(left, -right or None)

    def forward(self, x):
        return x[:, :, self.rows, self.columns]


class Activation(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class KeepLargest(nn.Module):
    """Does what `ae_zoo.layers.keep_largest` does, for flat codes."""

    def __init__(self, k):
        super().__init__()
        self.k = k

    def forward(self, x):
        if self.k >= x.shape[1]:
            return x
        largest_dropped = torch.topk(x, self.k + 1).values[:, -1:]
        return torch.where(x > largest_dropped, x, 0.0)


def _bottleneck(model):
    if isinstance(model, ae_zoo.VariationalAutoencoder):
        _check_flat(model.encoder.output, model._mean_head)
        return _linear(model._mean_head, model._mean_head.kernel.numpy().T)
    if isinstance(model, ae_zoo.SparseAutoencoder) and model.sparsity == "k":
        if len(model.latent_shape) > 1:
            raise Unsupported("k-sparsity of a feature map")
        return [KeepLargest(model.k_inference or model.k)]
    return []


def _chain(network):
    layers = network.layers
    pairs = zip(layers, layers[1:], strict=False)
    if any(after.input is not before.output for before, after in pairs):
        raise Unsupported(f"the branches of the {network.name}")
    return [module for layer in layers for module in _translated(layer)]


def _translated(layer):
    kind = type(layer).__name__
    if kind not in TRANSLATIONS:
        raise Unsupported(f"the layer {kind}")
    return TRANSLATIONS[kind](layer)


def _activation(layer):
    name = layer.activation.__name__
    if name not in ACTIVATIONS:
        raise Unsupported(f"the activation {name!r}")
    return [] if name == "linear" else [Activation(ACTIVATIONS[name])]


def _dense(layer):
    _check_flat(layer.input, layer)
    return _linear(layer, layer.kernel.numpy().T)


def _transposed_dense(layer):
    _check_flat(layer.input, layer)
    return _linear(layer, layer._shared_kernel().numpy())


def _check_flat(tensor, layer):
    if len(tensor.shape) != 2:
        raise Unsupported(f"a {type(layer).__name__} on inputs that are not flat")


def _linear(layer, weight):
    module = nn.Linear(*weight.shape[::-1], bias=layer.bias is not None)
    return [_with_weights(module, weight, layer.bias), *_activation(layer)]


def _convolution(layer):
    _check_convolution(layer)
    padding = [0, 0, 0, 0]
    if layer.padding == "same":
        padding = [
            pixels
            for axis in (1, 0)  # width first
            for pixels in _same(
                layer.input.shape[1 + axis],
                layer.kernel_size[axis],
                layer.strides[axis],
                layer.dilation_rate[axis],
            )
        ]
    left, right, top, bottom = padding
    is_even = left == right and top == bottom
    module = nn.Conv2d(
        layer.input.shape[-1],
        layer.filters,
        layer.kernel_size,
        layer.strides,
        padding=(top, left) if is_even else 0,
        dilation=layer.dilation_rate,
        groups=layer.groups,
        bias=layer.use_bias,
    )
    weight = layer.kernel.numpy().transpose(3, 2, 0, 1)
    convolution = _with_weights(module, weight, layer.bias)
    before = [] if is_even else [Pad(padding)]
    return [*before, convolution, *_activation(layer)]


def _same(size, kernel, stride, dilation):
    """Padding before and after; TensorFlow puts an odd pixel after."""
    if size is None:
        raise Unsupported("a convolution of images of any size")
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _transposed_convolution(layer):
    _check_convolution(layer)
    if layer.output_padding is not None or max(layer.dilation_rate) > 1:
        raise Unsupported("a Conv2DTranspose with output_padding or dilation")
    is_same = layer.padding == "same"
    # "same" gives size × stride; an odd excess pixel is cropped at the end.
    excess = [
        max(kernel - stride, 0) if is_same else 0
        for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True)
    ]
    module = nn.ConvTranspose2d(
        layer.input.shape[-1],
        layer.filters,
        layer.kernel_size,
        layer.strides,
        padding=[pixels // 2 for pixels in excess],
        output_padding=[
            max(stride - kernel, 0)
            for kernel, stride in zip(layer.kernel_size, layer.strides, strict=True)
        ],
        bias=layer.use_bias,
    )
    weight = layer.kernel.numpy().transpose(3, 2, 0, 1)
    bottom, right = (pixels % 2 for pixels in excess)
    crop = [Crop(0, bottom, 0, right)] if bottom or right else []
    return [_with_weights(module, weight, layer.bias), *crop, *_activation(layer)]


def _check_convolution(layer):
    if layer.data_format != "channels_last":
        raise Unsupported(f"data_format={layer.data_format!r}")


def _with_weights(module, weight, bias):
    with torch.no_grad():
        module.weight.copy_(torch.tensor(weight))
        if bias is not None:
            module.bias.copy_(torch.tensor(bias.numpy()))
    return module


def _flatten(layer):
    before = [ChannelsLast()] if len(layer.input.shape) == 4 else []
    return [*before, nn.Flatten()]


def _reshape(layer):
    before = [ChannelsLast()] if len(layer.input.shape) == 4 else []
    after = [ChannelsFirst()] if len(layer.output.shape) == 4 else []
    return [*before, Reshape(layer.output.shape[1:]), *after]


def _cropping(layer):
    (top, bottom), (left, right) = layer.cropping
    return [Crop(top, bottom, left, right)]


def _nothing(layer):
    return []


TRANSLATIONS = {
    "InputLayer": _nothing,
    "Dropout": _nothing,
    "Dense": _dense,
    "TransposedDense": _transposed_dense,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Cropping2D": _cropping,
    "Activation": _activation,
}
