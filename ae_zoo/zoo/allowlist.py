"""The classes and functions that the `config.json` of a zoo model may name.

Keras builds a model by looking up and calling everything that its config names, and
`safe_mode=True` refuses little more than lambdas. So `config_check` reads the config
first. Every name in it must be one of the Keras names below, a class that ae_zoo itself
registers, or an object that the caller passes as `custom_objects`. The lists are
written out instead of derived from Keras's namespaces, so that a class added by a later
Keras version is refused until somebody has reviewed it.
"""

from __future__ import annotations


def _names(module: str, names: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for name in names.split())


# Left out on purpose: Lambda, TFSMLayer, JaxLayer, FlaxLayer and TorchModuleWrapper run
# code or read files that the archive chooses; the vocabulary layers (StringLookup,
# TextVectorization, ...) read files; RNN and Pipeline wrap arbitrary objects.
LAYERS = _names(
    "keras.layers",
    """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization Bidirectional Concatenate
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D
    Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU
    Embedding Flatten GRU GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization Identity InputLayer LSTM
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D
    Maximum Minimum Multiply Normalization PReLU Permute ReLU RepeatVector Rescaling
    Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
    """,
)
FUNCTIONAL = "keras.src.models.functional.Functional"  # the name Keras writes
MODELS = frozenset({FUNCTIONAL, "keras.Sequential"})
# `x + y` on symbolic tensors is recorded as one of these, not as a layer; `Masking`
# computes its mask with Any and NotEqual.
OPERATIONS = _names(
    "keras.src.ops.numpy",
    """
    Absolute Add Any Divide Maximum Minimum Multiply Negative NotEqual Power Square
    Subtract TrueDivide
    """,
)
PARTS = (
    _names(
        "keras.initializers",
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal
        LecunUniform Ones Orthogonal RandomNormal RandomUniform TruncatedNormal
        VarianceScaling Zeros
        """,
    )
    | _names("keras.regularizers", "L1 L1L2 L2 OrthogonalRegularizer")
    | _names("keras.constraints", "MaxNorm MinMaxNorm NonNeg UnitNorm")
    | _names(
        "keras.losses",
        """
        BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy
        CategoricalFocalCrossentropy CosineSimilarity Dice Huber KLDivergence LogCosh
        MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
        MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy
        """,
    )
    | _names(
        "keras.metrics",
        """
        Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy
        CategoricalCrossentropy CosineSimilarity KLDivergence LogCoshError Mean
        MeanAbsoluteError MeanAbsolutePercentageError MeanMetricWrapper
        MeanSquaredError MeanSquaredLogarithmicError Poisson R2Score
        RootMeanSquaredError SparseCategoricalAccuracy SparseCategoricalCrossentropy
        Sum
        """,
    )
    | _names(
        "keras.optimizers",
        """
        Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer
        Muon Nadam RMSprop SGD
        """,
    )
    | _names(
        "keras.optimizers.schedules",
        """
        CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay
        PiecewiseConstantDecay PolynomialDecay
        """,
    )
    | _names("keras", "DTypePolicy")
)
FUNCTIONS = frozenset(
    """
    celu elu exponential gelu glu hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu softmax softplus
    softsign swish tanh
    binary_crossentropy binary_focal_crossentropy categorical_crossentropy
    categorical_focal_crossentropy cosine_similarity dice huber kl_divergence log_cosh
    mean_absolute_error mean_absolute_percentage_error mean_squared_error
    mean_squared_logarithmic_error poisson sparse_categorical_crossentropy
    binary_accuracy categorical_accuracy sparse_categorical_accuracy
    """.split()
)
FUNCTION_MODULES = frozenset(
    {"builtins", "keras.activations", "keras.losses", "keras.metrics"}
)
# The only special markers of Keras that are needed: arrays of numbers (for Rescaling
# and Constant).
ARRAYS = frozenset({"__numpy__", "__tensor__"})
ARRAY_DTYPES = frozenset(
    """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 bfloat16 float16 float32
    float64
    """.split()
)
