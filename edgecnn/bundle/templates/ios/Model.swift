// What edgecnn read from the model file when it wrote this bundle. Written by a machine: write the bundle again rather than change it by hand.

/// Channels of the input; alpha is opaque, grey is 0.299 red + 0.587 green + 0.114 blue.
public enum Order { case rgb, bgr, grey, rgba }

/// Both sides stretched to the model's size, the short side scaled to it and the centre kept, or the long side scaled to it and bars added.
public enum Resize: String { case stretch, crop, pad }

/// Of the training: Pillow's are rounded to bytes after each side, TensorFlow's once.
public enum ResizeFilter: String {
    case pillowBilinear = "pillow-bilinear"
    case pillowBicubic = "pillow-bicubic"
    case pillowLanczos = "pillow-lanczos"
    case pillowBox = "pillow-box"
    case pillowNearest = "pillow-nearest"
    case tfBilinear = "tf-bilinear"
    case tfBilinearAntialias = "tf-bilinear-antialias"
    case tfBicubic = "tf-bicubic"
    case tfBicubicAntialias = "tf-bicubic-antialias"
    case tfArea = "tf-area"
    case tfNearest = "tf-nearest"
}

/// What the file's scores mean: probabilities of a softmax; logits; one probability or one logit, of the second of two classes; independent probabilities or
/// logits, one a class, of which several or none may hold; probabilities in percent.
public enum ScoreKind { case softmax, logits, sigmoid, logit, multiLabel, multiLabelLogits, percent }

public enum DType { case float32, uint8, int8 }

/// Real value = scale * (stored - zeroPoint); scale is nil for floats.
public struct TensorFacts {
    public var dtype: DType
    public var scale: Double?
    public var zeroPoint: Int
    public var channelsFirst = false
}

/// For a crop `scaled` is the width and height that the picture is scaled to cover before the centre is cut out, nil where the centre is cut out first; `bars`
/// are red, green and blue around a padded picture.
/// The input is (byte - mean) / std, one value a channel in the model's order. The first `labelOffset` classes have no label.
public struct Model {
    public var file: String
    public var sha256: String
    public var width: Int
    public var height: Int
    public var order: Order
    public var mean: [Double]
    public var std: [Double]
    public var resize: Resize
    public var filter: ResizeFilter
    public var scaled: [Int]?
    public var bars: [Int]
    public var input: TensorFacts
    public var output: TensorFacts
    public var scoreKind: ScoreKind
    public var labelOffset: Int
    public var labels: [String]

    public static let shipped = Model(
@MODEL@
    )
}
