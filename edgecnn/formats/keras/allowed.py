# ruff: noqa: SIM905 - lists of names are read more easily as text
"""What a model file may name: Keras' own classes, pure functions of TensorFlow, and operators of a graph that touch nothing but tensors.

Lists, not rules: what is not here is refused. A class that runs code, reads a file or imports a module by name is not here, although Keras has it
(Lambda, TFSMLayer, TorchModuleWrapper, JaxLayer, FlaxLayer, StringLookup, TextVectorization, the ops that take functions).
"""

from __future__ import annotations

LAYERS = frozenset(
    """
Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D AveragePooling2D
AveragePooling3D AvgPool1D AvgPool2D AvgPool3D AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
BatchNormalization BatchNormalizationV1 BatchNormalizationV2 SyncBatchNormalization CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D
Conv2DTranspose Conv3D Conv3DTranspose Convolution1D Convolution2D Convolution2DTranspose Convolution3D Cropping1D Cropping2D Cropping3D CutMix Dense
DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten GaussianDropout GaussianNoise
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D
GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity InputLayer LayerNormalization
LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum MaxNumBoundingBoxes
Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RandAugment RandomApply RandomBrightness RandomChoice
RandomColorDegeneration RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale
RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding SeparableConv1D SeparableConv2D SeparableConvolution1D
SeparableConvolution2D Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization Subtract ThresholdedReLU
UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell
StackedRNNCells Bidirectional TimeDistributed ConvLSTM1D ConvLSTM2D ConvLSTM3D Pipeline
""".split()
)
MODELS = frozenset(("Functional", "Model", "Sequential"))
# Of Keras 2: each names a function of TensorFlow, which has to be one of FUNCTIONS.
OP_LAYERS = frozenset(("TFOpLambda", "SlicingOpLambda"))
# Not layers, but parts of them.
PARTS = frozenset(
    """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer
RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros STFT STFTInitializer GlorotNormalV2 GlorotUniformV2 HeNormalV2 HeUniformV2 OnesV2 ZerosV2
L1 L2 L1L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm DTypePolicy FloatDTypePolicy DTypePolicyMap Policy PolicyV1
""".split()
)
# Marks of plain data in a configuration.
DATA = frozenset(("__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__tuple__", "TensorShape", "CollectionDict"))
# Modules of Keras whose classes these lists name; of each, or of what lies inside it.
MODULES = (
    "keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers", "keras.constraints", "keras.dtype_policies", "keras.mixed_precision",
    "keras.src.layers", "keras.src.models", "keras.src.initializers", "keras.src.regularizers", "keras.src.constraints", "keras.src.dtype_policies",
    "keras.engine", "keras.src.engine", "keras.src.mixed_precision", "tf_keras.src.layers", "tf_keras.src.engine", "tf_keras.src.models", "tf_keras.layers",
    "tf_keras.src.initializers", "tf_keras.src.regularizers", "tf_keras.src.constraints", "tf_keras.src.mixed_precision", "tf_keras.models",
    "tensorflow.keras", "tensorflow.python.keras", "tensorflow.python.trackable",
)  # fmt: skip
# Layers that keras.applications defines for networks of its own -> the module that has them, of Keras 2 and 3.
APPLICATION_LAYERS = {"LayerScale": "convnext", "StochasticDepth": "convnext", "CustomScaleLayer": "inception_resnet_v2"}
REGISTERED = "Custom>"  # Keras 2 writes some of them so
APPLICATIONS = ("keras.applications", "keras.src.applications", "tf_keras.src.applications", "tf_keras.applications")
# Modules all of whose classes are pure operations, and those of `keras.src.ops.core` that take no functions.
OPERATIONS = tuple(f"keras.src.ops.{name}" for name in ("numpy", "nn", "math", "image", "linalg"))
CORE = frozenset("Cast ConvertToTensor SaturateCast Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack".split())

ACTIVATIONS = frozenset(
    """
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid
silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
""".split()
)
# Modules from which an activation may be named as a function; it is then taken by its name alone, from Keras.
ACTIVATION_MODULES = ("builtins", "keras.activations", "keras.src.activations", "keras.src.ops.nn", "tf_keras.src.activations", "tensorflow.python.ops",
                      "tensorflow.nn", "tensorflow.keras.activations", "keras.ops")  # fmt: skip

# Functions of TensorFlow that a TFOpLambda may name. Each is in `tf_functions.TRANSLATIONS`, which says what it becomes.
FUNCTIONS = frozenset(
    """
__operators__.add __operators__.getitem abs add cast clip_by_value compat.v1.pad compat.v1.transpose compat.v1.squeeze concat convert_to_tensor divide exp
expand_dims identity image.resize image.grayscale_to_rgb image.rgb_to_grayscale image.per_image_standardization keras.backend.mean math.abs math.add
math.divide math.exp math.log math.maximum math.minimum math.multiply math.negative math.pow math.reduce_max math.reduce_mean math.reduce_min
math.reduce_sum math.rsqrt math.scalar_mul math.sigmoid math.sqrt math.square math.subtract math.tanh math.truediv maximum minimum multiply negative
nn.avg_pool nn.avg_pool2d nn.bias_add nn.depth_to_space nn.elu nn.gelu nn.l2_normalize nn.leaky_relu nn.log_softmax nn.max_pool nn.max_pool2d nn.relu
nn.relu6 nn.selu nn.sigmoid nn.silu nn.softmax nn.softplus nn.space_to_depth nn.swish nn.tanh pad pow reduce_max reduce_mean reduce_min reduce_sum reshape
reverse sigmoid sqrt square squeeze stack stop_gradient subtract tanh transpose truediv math.softplus math.l2_normalize math.divide_no_nan
""".split()
)

# Operators of a SavedModel's graph. Nothing here reads or writes files, talks to a network, calls back into Python or ends the process.
GRAPH_OPERATORS = frozenset(
    """
Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul BatchMatMulV2 BatchMatMulV3 Bincount Bucketize Cast Ceil
ClipByValue Cos Cosh Cumprod Cumsum DenseBincount Div DivNoNan Equal Erf Erfc Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual Inv IsFinite IsInf
IsNan Less LessEqual LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod Range
RealDiv Reciprocal Rint Round Rsqrt Select SelectV2 Sigmoid Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum Tan Tanh TruncateDiv TruncateMod Xdivy Xlogy
EuclideanNorm AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2
DepthwiseConv2dNative Dilation2D Elu FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 InTopKV2 L2Loss LRN LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2
Relu Relu6 Selu Softmax Softplus Softsign TopKV2 SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits BatchToSpaceND Bitcast BroadcastArgs
BroadcastGradientArgs BroadcastTo CheckNumerics Concat ConcatV2 Const DepthToSpace Empty EnsureShape ExpandDims ExtractImagePatches FakeQuantWithMinMaxArgs
FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Gather GatherNd GatherV2 GuaranteeConst Identity IdentityN InvertPermutation MatrixBandPart
MatrixDiagV3 MirrorPad OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault PreventGradient Rank Reshape ResourceStridedSliceAssign Reverse
ReverseV2 ScatterNd Shape ShapeN Size Slice SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice TensorScatterUpdate Tile Transpose
Unpack Where ZerosLike QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize
HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt TruncatedNormal StatelessRandomNormal StatelessRandomUniform StatelessRandomUniformInt
StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormalV2 StatelessRandomUniformFullInt
StatelessRandomUniformFullIntV2 StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormalV2 RngReadAndSkip RngSkip
AssignAddVariableOp AssignSubVariableOp AssignVariableOp DisableCopyOnRead ReadVariableOp ResourceGather VarHandleOp VarIsInitializedOp VariableShape Case
DeviceIndex FakeParam If PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile ToBool While NoOp Switch Merge Enter Exit LoopCond
NextIteration IteratorGetNext ControlTrigger Assert Einsum BitwiseAnd BitwiseOr BitwiseXor Invert LeftShift RightShift
""".split()
)
# Operators with which TensorFlow stores and restores variables; only in the functions and the nodes that it makes for that.
SAVER_OPERATORS = frozenset(("SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename", "StringJoin", "StaticRegexFullMatch"))
