// From upright RGB pixels of any size to the numbers that the model's input holds. Nothing of Apple's frameworks but Foundation and no runtime in here;
// pixels.ts and Pixels.kt of the other bundles are this file line by line, and they are run against the training's own code.

import Foundation

/// Upright pixels, row by row from the top left, three bytes each: red, green, blue.
public struct RGB {
    public var width: Int
    public var height: Int
    public var data: [UInt8]

    public init(width: Int, height: Int, data: [UInt8]) {
        self.width = width
        self.height = height
        self.data = data
    }
}

/// What of one side goes into one side of the result, in pixels; need not be whole.
private struct Span {
    var from: Float
    var to: Float
}

/// For each pixel of the result: the first pixel that it is made of, how many, and their weights in 2^22nds.
private struct Filter {
    var first: [Int]
    var count: [Int]
    var weights: [Int32]
    var stride: Int
}

private let bits: Int32 = 22  // of a weight's fraction: 255 times the sum of the weights still fits 31 bits
private let half: Int32 = 1 << (bits - 1)

/// The picture at the model's size: both sides stretched, or the centre cut out, as the model was trained.
public func fit(_ picture: RGB, _ model: Model = .shipped) -> RGB {
    let (across, down) = model.resize == .crop ? centre(picture, model) : (whole(picture.width), whole(picture.height))
    return resize(picture, across, down, model.width, model.height)
}

/// The spans of the largest centred part that has the model's proportions.
private func centre(_ picture: RGB, _ model: Model) -> (Span, Span) {
    let width = Double(picture.width)
    let height = Double(picture.height)
    let wanted = Double(model.width) / Double(model.height)
    let cutWidth = width / height >= wanted ? wanted * height : width
    let cutHeight = width / height >= wanted ? height : width / wanted
    let left = (width - cutWidth) * 0.5
    let top = (height - cutHeight) * 0.5
    return (
        Span(from: Float(left), to: Float(left + cutWidth)),
        Span(from: Float(top), to: Float(top + cutHeight))
    )
}

private func whole(_ size: Int) -> Span {
    Span(from: 0, to: Float(size))
}

/// Bilinear with antialias, rounded to bytes after each of its two passes, across and down. A shrunk picture averages all the pixels that a new one
/// covers, which CGContext's and vImage's qualities do not promise; the training did exactly this.
private func resize(_ picture: RGB, _ across: Span, _ down: Span, _ width: Int, _ height: Int) -> RGB {
    let sameWidth = width == picture.width && across.from == 0 && across.to == Float(width)
    let sameHeight = height == picture.height && down.from == 0 && down.to == Float(height)
    let goAcross = { (one: RGB) in sameWidth ? one : resizeAcross(one, filter(picture.width, across, width)) }
    let goDown = { (one: RGB) in sameHeight ? one : resizeDown(one, filter(picture.height, down, height)) }
    // The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns.
    let rows = picture.height - height
    return rows > 0 && rows > (picture.width - width) * 2 ? goAcross(goDown(picture)) : goDown(goAcross(picture))
}

private func filter(_ size: Int, _ span: Span, _ wanted: Int) -> Filter {
    let scale = Double(span.to - span.from) / Double(wanted)
    let support = max(scale, 1)  // pixels to either side that count: one, or more when shrinking
    let stride = Int(support.rounded(.up)) * 2 + 1
    var made = Filter(first: [], count: [], weights: [Int32](repeating: 0, count: wanted * stride), stride: stride)
    var row = [Double](repeating: 0, count: stride)
    for at in 0..<wanted {
        let middle = Double(span.from) + (Double(at) + 0.5) * scale
        let first = max(Int(middle - support + 0.5), 0)
        let count = min(Int(middle + support + 0.5), size) - first
        var sum = 0.0
        for k in 0..<count {
            row[k] = max(1 - abs((Double(k + first) - middle + 0.5) * (1 / support)), 0)
            sum += row[k]
        }
        for k in 0..<count {
            made.weights[at * stride + k] = Int32(0.5 + row[k] / sum * Double(Int32(1) << bits))
        }
        made.first.append(first)
        made.count.append(count)
    }
    return made
}

private func resizeAcross(_ picture: RGB, _ filter: Filter) -> RGB {
    let width = filter.first.count
    var data = [UInt8](repeating: 0, count: width * picture.height * 3)
    for y in 0..<picture.height {
        for x in 0..<width {
            var from = (y * picture.width + filter.first[x]) * 3
            var red = half
            var green = half
            var blue = half
            for k in (x * filter.stride)..<(x * filter.stride + filter.count[x]) {
                let weight = filter.weights[k]
                red += Int32(picture.data[from]) * weight
                green += Int32(picture.data[from + 1]) * weight
                blue += Int32(picture.data[from + 2]) * weight
                from += 3
            }
            let to = (y * width + x) * 3
            data[to] = UInt8(min(red >> bits, 255))
            data[to + 1] = UInt8(min(green >> bits, 255))
            data[to + 2] = UInt8(min(blue >> bits, 255))
        }
    }
    return RGB(width: width, height: picture.height, data: data)
}

private func resizeDown(_ picture: RGB, _ filter: Filter) -> RGB {
    let row = picture.width * 3
    let height = filter.first.count
    var data = [UInt8](repeating: 0, count: row * height)
    for y in 0..<height {
        for x in 0..<row {
            var sum = half
            for k in 0..<filter.count[y] {
                sum += Int32(picture.data[(filter.first[y] + k) * row + x]) * filter.weights[y * filter.stride + k]
            }
            data[y * row + x] = UInt8(min(sum >> bits, 255))
        }
    }
    return RGB(width: picture.width, height: height, data: data)
}

/// The picture turned clockwise by quarters of a turn, after it was mirrored left to right where `mirrored`.
public func turn(_ picture: RGB, _ quarters: Int, mirrored: Bool = false) -> RGB {
    let width = picture.width
    let height = picture.height
    let turns = ((quarters % 4) + 4) % 4
    if turns == 0 && !mirrored {
        return picture
    }
    let wide = turns % 2 == 0 ? width : height
    var turned = [UInt8](repeating: 0, count: picture.data.count)
    for y in 0..<height {
        for x in 0..<width {
            let column = mirrored ? width - 1 - x : x
            let toX = [column, height - 1 - y, width - 1 - column, y][turns]
            let toY = [y, column, height - 1 - y, width - 1 - column][turns]
            for channel in 0..<3 {
                turned[(toY * wide + toX) * 3 + channel] = picture.data[(y * width + x) * 3 + channel]
            }
        }
    }
    return RGB(width: wide, height: width * height / wide, data: turned)
}

/// What EXIF's orientation 1 to 8 asks for: quarters of a turn clockwise, and whether to mirror before.
public func turnOf(_ orientation: Int) -> (quarters: Int, mirrored: Bool) {
    let quarters = [0, 0, 2, 2, 3, 1, 1, 3]
    return ((1...8).contains(orientation) ? quarters[orientation - 1] : 0, [2, 4, 5, 7].contains(orientation))
}

/// What the input stores for each byte: (byte - mean) / std, and its nearest step where the input holds whole numbers. One table a channel.
public func levels(_ model: Model = .shipped) -> [[Float]] {
    model.mean.indices.map { channel in
        let mean = Float(model.mean[channel])
        let std = Float(model.std[channel])
        let least = model.input.dtype == .int8 ? -128 : 0
        return (0..<256).map { byte -> Float in
            if model.input.dtype == .float32 {
                return (Float(byte) - mean) / std
            }
            guard let scale = model.input.scale else {
                return Float(byte + least)  // a file that takes bytes and scales them itself: the byte is the input
            }
            let steps = ((Double(byte) - Double(mean)) / Double(std) / scale).rounded(.toNearestOrEven) + Double(model.input.zeroPoint)
            return Float(min(max(steps, Double(least)), Double(least) + 255))
        }
    }
}

/// The input for a picture of the model's size: channels in the model's order, scaled, in the model's layout of memory.
public func encode(_ picture: RGB, _ model: Model = .shipped) -> [Float] {
    let tables = levels(model)
    let pixels = picture.width * picture.height
    let channels = tables.count
    var stored = [Float](repeating: 0, count: pixels * channels)
    for pixel in 0..<pixels {
        for channel in 0..<channels {
            let at = model.input.channelsFirst ? channel * pixels + pixel : pixel * channels + channel
            stored[at] = tables[channel][byteOf(picture.data, pixel * 3, channel, model.order)]
        }
    }
    return stored
}

private func byteOf(_ data: [UInt8], _ at: Int, _ channel: Int, _ order: Order) -> Int {
    switch order {
    case .grey: return (299 * Int(data[at]) + 587 * Int(data[at + 1]) + 114 * Int(data[at + 2]) + 500) / 1000
    case .bgr: return Int(data[at + 2 - channel])
    case .rgb: return Int(data[at + channel])
    case .rgba: return channel == 3 ? 255 : Int(data[at + channel])
    }
}

/// A tensor's memory for numbers that it can hold.
public func memory(_ stored: [Float], _ dtype: DType) -> Data {
    switch dtype {
    case .float32: return stored.withUnsafeBufferPointer { Data(buffer: $0) }
    case .uint8: return Data(stored.map { UInt8($0) })
    case .int8: return Data(stored.map { UInt8(bitPattern: Int8($0)) })
    }
}

/// What a tensor's memory holds, as numbers.
public func numbers(_ memory: Data, _ dtype: DType) -> [Float] {
    switch dtype {
    case .float32: return memory.withUnsafeBytes { raw in (0..<(raw.count / 4)).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) } }
    case .uint8: return memory.map { Float($0) }
    case .int8: return memory.map { Float(Int8(bitPattern: $0)) }
    }
}

/// One probability a class from what the output stores.
public func answers(_ stored: [Float], _ model: Model = .shipped) -> [Float] {
    let zeroPoint = Double(model.output.zeroPoint)
    let scores = stored.map { value in model.output.scale.map { Float($0 * (Double(value) - zeroPoint)) } ?? value }
    switch model.scoreKind {
    case .softmax, .multiLabel: return scores
    case .percent: return scores.map { $0 / 100 }
    case .multiLabelLogits: return scores.map(sigmoid)
    case .sigmoid: return [1 - scores[0], scores[0]]
    case .logit: return [1 - sigmoid(scores[0]), sigmoid(scores[0])]
    case .logits: return softmax(scores)
    }
}

private func softmax(_ scores: [Float]) -> [Float] {
    guard let most = scores.max() else {
        return scores
    }
    let grown = scores.map { exp($0 - most) }
    let sum = grown.reduce(0, +)
    return grown.map { $0 / sum }
}

private func sigmoid(_ logit: Float) -> Float {
    0.5 * (1 + tanh(0.5 * logit))
}
