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

/// One side of a resize: what lies between `from` and `to` becomes `total` pixels, of which `count` from `skip` on go to place `at` of the result. The `size`
/// pixels behind `origin` are looked at; `from` and `to` need not be whole.
private struct Side {
    var from: Float
    var to: Float
    var origin: Int
    var size: Int
    var total: Int
    var skip: Int
    var count: Int
    var at: Int
}

/// The pixels that one pixel is made of, from `first` up to `end`, and their weights before they are divided by their sum.
private struct Window {
    var first: Int
    var end: Int
    var weight: (Int) -> Double
}

/// For each pixel of the result: the first pixel that it is made of, how many, and their weights in 2^22nds, or 2^20ths.
private struct Filter {
    var first: [Int]
    var count: [Int]
    var weights: [Int32]
    var stride: Int
}

private let bits: Int32 = 22  // of a weight's fraction: 255 times the sum of the weights still fits 31 bits
private let half: Int32 = 1 << (bits - 1)
private let tfBits = 20  // of both sides together over a byte fit the 53 bits that a double holds

/// The picture at the model's size: both sides stretched, the centre cut out, or between bars, as the model was trained.
public func fit(_ picture: RGB, _ model: Model = .shipped) -> RGB {
    let (across, down) = model.resize == .crop ? cropped(picture, model) : inWhole(picture, model)
    let scaled = ofPillow(model.filter) ? resize(picture, across, down, model.filter) : resizeOnce(picture, across, down, model.filter)
    return model.resize == .pad ? framed(scaled, across.at, down.at, model) : scaled
}

private func ofPillow(_ name: ResizeFilter) -> Bool {
    name.rawValue.hasPrefix("pillow-")
}

/// The sides for a crop.
private func cropped(_ picture: RGB, _ model: Model) -> (Side, Side) {
    let width = picture.width
    let height = picture.height
    if let scaled = model.scaled {
        let (least, lowest) = (scaled[0], scaled[1])
        let isWide = width * lowest >= height * least
        let wide = max(least, isWide ? lowest * width / height : least)
        let tall = max(lowest, isWide ? lowest : least * height / width)
        return (middle(width, wide, model.width), middle(height, tall, model.height))
    }
    if ofPillow(model.filter) {
        return centre(picture, model)
    }
    let wide = min(width, max(1, height * model.width / model.height))
    let tall = min(height, max(1, width * model.height / model.width))
    var across = whole(wide, model.width)
    var down = whole(tall, model.height)
    across.origin = (width - wide) / 2
    down.origin = (height - tall) / 2
    return (across, down)
}

/// A side scaled to `total`, of which the middle is kept.
private func middle(_ size: Int, _ total: Int, _ kept: Int) -> Side {
    var side = whole(size, total)
    side.skip = halved(total - kept)
    side.count = kept
    return side
}

/// The sides of the largest centred part that has the model's proportions.
private func centre(_ picture: RGB, _ model: Model) -> (Side, Side) {
    let width = Double(picture.width)
    let height = Double(picture.height)
    let wanted = Double(model.width) / Double(model.height)
    let cutWidth = width / height >= wanted ? wanted * height : width
    let cutHeight = width / height >= wanted ? height : width / wanted
    let left = (width - cutWidth) * 0.5
    let top = (height - cutHeight) * 0.5
    var across = whole(picture.width, model.width)
    var down = whole(picture.height, model.height)
    (across.from, across.to) = (Float(left), Float(left + cutWidth))
    (down.from, down.to) = (Float(top), Float(top + cutHeight))
    return (across, down)
}

/// The sides for the whole picture, stretched or between bars.
private func inWhole(_ picture: RGB, _ model: Model) -> (Side, Side) {
    let width = picture.width
    let height = picture.height
    if model.resize != .pad {
        return (whole(width, model.width), whole(height, model.height))
    }
    return (
        betweenBars(width, height, model.width, model.height, model.filter),
        betweenBars(height, width, model.height, model.width, model.filter)
    )
}

/// A side that keeps its proportion to the other one; Pillow rounds its length, TensorFlow cuts it down.
private func betweenBars(_ size: Int, _ other: Int, _ wanted: Int, _ wantedOther: Int, _ name: ResizeFilter) -> Side {
    let above = size * wantedOther
    if above >= other * wanted {
        return whole(size, wanted)
    }
    let below = above / other
    let rest = 2 * (above - below * other)
    let rounded = rest > other || (rest == other && below % 2 == 1) ? below + 1 : below
    let total = max(1, ofPillow(name) ? rounded : below)
    var side = whole(size, total)
    side.at = ofPillow(name) ? halved(wanted - total) : (wanted * other - above) / (2 * other)
    return side
}

/// Half of a size, rounded half to even.
private func halved(_ size: Int) -> Int {
    size / 2 + (size % 4 == 3 ? 1 : 0)
}

private func whole(_ size: Int, _ total: Int) -> Side {
    Side(from: 0, to: Float(size), origin: 0, size: size, total: total, skip: 0, count: total, at: 0)
}

/// The scaled picture between bars.
private func framed(_ scaled: RGB, _ left: Int, _ top: Int, _ model: Model) -> RGB {
    var data = (0..<(model.width * model.height * 3)).map { UInt8(model.bars[$0 % 3]) }
    for y in 0..<scaled.height {
        for x in 0..<(scaled.width * 3) {
            data[((y + top) * model.width + left) * 3 + x] = scaled.data[y * scaled.width * 3 + x]
        }
    }
    return RGB(width: model.width, height: model.height, data: data)
}

/// By a filter of Pillow's, rounded to bytes after each of its two passes, across and down. Those with antialias average all the pixels that a new one
/// covers, which CGContext's and vImage's qualities do not promise; the training did exactly this.
private func resize(_ picture: RGB, _ across: Side, _ down: Side, _ name: ResizeFilter) -> RGB {
    let sameWidth = across.total == picture.width && across.from == 0 && across.to == Float(picture.width) && across.count == across.total
    let sameHeight = down.total == picture.height && down.from == 0 && down.to == Float(picture.height) && down.count == down.total
    let goAcross = { (one: RGB) in sameWidth ? one : resizeAcross(one, filter(across, name)) }
    let goDown = { (one: RGB) in sameHeight ? one : resizeDown(one, filter(down, name)) }
    // The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns.
    let rows = picture.height - down.total
    return rows > 0 && rows > (picture.width - across.total) * 2 ? goAcross(goDown(picture)) : goDown(goAcross(picture))
}

private func filter(_ side: Side, _ name: ResizeFilter) -> Filter {
    let (scale, support, widened) = sizes(side, name)
    let stride = name == .tfArea ? Int(scale.rounded(.up)) + 2 : Int(support.rounded(.up)) * 2 + 1
    var made = Filter(first: [], count: [], weights: [Int32](repeating: 0, count: side.count * stride), stride: stride)
    var row = [Double](repeating: 0, count: stride)
    for at in 0..<side.count {
        let window = look(side, name, side.skip + at, scale, support, widened)
        let first = window.first
        let count = window.end - first
        var sum = 0.0
        for k in 0..<count {
            row[k] = window.weight(first + k)
            sum += row[k]
        }
        for k in 0..<count {
            let share = sum == 0 ? 0 : row[k] / sum
            let fixed = ofPillow(name) ? (share < 0 ? -0.5 : 0.5) + share * Double(Int32(1) << bits) : (share * Double(1 << tfBits) + 0.5).rounded(.down)
            made.weights[at * stride + k] = Int32(fixed)
        }
        made.first.append(first + side.origin)
        made.count.append(count)
    }
    return made
}

/// Pixels of the source to one of the result, pixels to either side that count, and by how much the filter is widened, which smooths.
private func sizes(_ side: Side, _ name: ResizeFilter) -> (Double, Double, Double) {
    var scale = Double(side.to - side.from) / Double(side.total)
    if name == .tfBilinearAntialias || name == .tfBicubicAntialias {
        scale = Double(1 / (Float(side.total) / Float(side.size)))
    } else if !ofPillow(name) {
        scale = Double(Float(side.size) / Float(side.total))
    }
    let widest = max(scale, 1)  // pixels of the source under one of the result: one, or more when shrinking
    let widened = name == .tfBilinear || name == .tfBicubic ? 1 : widest
    return (scale, radius(name) * widened, widened)
}

private func radius(_ name: ResizeFilter) -> Double {
    switch name {
    case .pillowBox: return 0.5
    case .pillowBilinear, .tfBilinear, .tfBilinearAntialias: return 1
    case .pillowBicubic, .tfBicubic, .tfBicubicAntialias: return 2
    case .pillowLanczos: return 3
    case .pillowNearest, .tfNearest, .tfArea: return 0
    }
}

/// Where a place lies in the source, in single precision, as TensorFlow computes it.
private func single(_ place: Double, _ scale: Double) -> Double {
    Double(Float(place * scale))
}

/// What pixel `place` of the scaled side is made of.
private func look(_ side: Side, _ name: ResizeFilter, _ place: Int, _ scale: Double, _ support: Double, _ widened: Double) -> Window {
    let size = side.size
    let here = Double(place) + 0.5
    if name == .pillowNearest || name == .tfNearest {
        var middle = name == .tfNearest ? single(here, scale) : Double(side.from) + scale * 0.5
        if name == .pillowNearest {
            for _ in 0..<place {
                middle += scale  // step by step, as Pillow
            }
        }
        let first = min(max(Int(middle), 0), size - 1)
        return Window(first: first, end: first + 1, weight: { _ in 1 })
    }
    if name == .tfArea {
        let start = single(Double(place), scale)
        let end = single(Double(place) + 1, scale)
        let covered = { (k: Int) -> Double in min(max(min(Double(k) + 1, end) - max(Double(k), start), 0), 1) }
        return Window(first: min(Int(start), size - 1), end: min(Int(end.rounded(.up)), size), weight: covered)
    }
    if name == .tfBicubic {
        let middle = Double(Float(single(here, scale) - 0.5))
        let base = middle.rounded(.down)
        let share = ((middle - base) * 1024).rounded(.toNearestOrEven) / 1024
        let weight = { (k: Int) -> Double in kernel(name, Double(k) - base - share) }
        return Window(first: min(max(Int(base) - 1, 0), size - 1), end: min(Int(base) + 3, size), weight: weight)
    }
    let middle = ofPillow(name) ? Double(side.from) + here * scale : single(here, scale)
    let first = min(max(Int(middle - support + 0.5), 0), size - 1)
    let weight = { (k: Int) -> Double in kernel(name, (Double(k) - middle + 0.5) * (1 / widened)) }
    return Window(first: first, end: min(Int(middle + support + 0.5), size), weight: weight)
}

private func kernel(_ name: ResizeFilter, _ far: Double) -> Double {
    let x = abs(far)
    switch radius(name) {
    case 0.5: return far > -0.5 && far <= 0.5 ? 1 : 0
    case 2: return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
    case 3: return x < 3 ? sinc(x) * sinc(x / 3) : 0
    default: return max(1 - x, 0)
    }
}

private func sinc(_ x: Double) -> Double {
    x == 0 ? 1 : sin(x * Double.pi) / (x * Double.pi)
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
            data[to] = clipped(red >> bits)
            data[to + 1] = clipped(green >> bits)
            data[to + 2] = clipped(blue >> bits)
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
            data[y * row + x] = clipped(sum >> bits)
        }
    }
    return RGB(width: picture.width, height: height, data: data)
}

private func clipped(_ value: Int32) -> UInt8 {
    UInt8(min(max(value, 0), 255))
}

/// By a filter of TensorFlow's, rounded once, half to even: all sums are whole numbers that a double holds, so that no machine gives others.
private func resizeOnce(_ picture: RGB, _ across: Side, _ down: Side, _ name: ResizeFilter) -> RGB {
    let columns = filter(across, name)
    let rows = filter(down, name)
    let wide = across.count * 3
    var sums = [Int](repeating: 0, count: wide * picture.height)
    for y in down.origin..<(down.origin + down.size) {
        for x in 0..<wide {
            let column = x / 3
            var sum = 0
            for k in 0..<columns.count[column] {
                sum += Int(picture.data[(y * picture.width + columns.first[column] + k) * 3 + x % 3]) * Int(columns.weights[column * columns.stride + k])
            }
            sums[y * wide + x] = sum
        }
    }
    var data = [UInt8](repeating: 0, count: wide * down.count)
    for y in 0..<down.count {
        for x in 0..<wide {
            var sum = 0
            for k in 0..<rows.count[y] {
                sum += sums[(rows.first[y] + k) * wide + x] * Int(rows.weights[y * rows.stride + k])
            }
            data[y * wide + x] = clipped(Int32((Double(sum) / Double(1 << (2 * tfBits))).rounded(.toNearestOrEven)))
        }
    }
    return RGB(width: across.count, height: down.count, data: data)
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
