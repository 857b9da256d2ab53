// The iOS bundle's plain sources on any machine: `golden FOLDER` holds them against the golden vectors, `cases PIXELS INPUTS SCORES` does what app_cases.py asks for.

import Foundation

func read(_ folder: String, _ name: String) -> Data {
    try! Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(name))
}

func each(_ folder: String, _ made: ([String: Any], Int) -> Data) {
    let cases = try! JSONSerialization.jsonObject(with: read(folder, "cases.json")) as! [[String: Any]]
    for (i, one) in cases.enumerated() {
        try! made(one, i).write(to: URL(fileURLWithPath: folder).appendingPathComponent("\(i).out"))
    }
}

func upright(_ width: Int, _ height: Int, _ bytes: Data, _ orientation: Int) -> RGB {
    let way = turnOf(orientation)
    return turn(RGB(width: width, height: height, data: [UInt8](bytes)), way.quarters, mirrored: way.mirrored)
}

func golden(_ folder: String) -> Never {
    let told = try! JSONDecoder().decode(Golden.self, from: read(folder, "golden.json"))
    var seen: [String: Seen] = [:]
    var stored: Rows = [:]
    for picture in told.pictures {
        let pixels = upright(picture.width, picture.height, read(folder, picture.source), picture.orientation)
        // The answers are taken for right, because nothing runs the network here.
        seen[picture.stem] = Seen(input: encode(fit(pixels)), probabilities: picture.probabilities)
        stored[picture.stem] = numbers(read(folder, picture.input), Model.shipped.input.dtype)
    }
    let lines = complaints(told, seen, stored: stored)
    print(lines.isEmpty ? "\(told.pictures.count) pictures: passed" : lines.joined(separator: "\n"))
    exit(lines.isEmpty ? 0 : 1)
}

func cases(_ pixels: String, _ inputs: String, _ scores: String) {
    each(pixels) { told, i in
        let wanted = told["model"] as! [String: Any]
        var model = Model.shipped
        model.width = wanted["width"] as! Int
        model.height = wanted["height"] as! Int
        model.resize = Resize(rawValue: wanted["resize"] as! String)!
        model.filter = ResizeFilter(rawValue: wanted["filter"] as! String)!
        model.scaled = wanted["scaled"] as? [Int]
        model.bars = wanted["bars"] as! [Int]
        let picture = upright(told["width"] as! Int, told["height"] as! Int, read(pixels, "\(i).in"), told["orientation"] as! Int)
        return Data(fit(picture, model).data)
    }
    let dtypes: [String: DType] = ["float32": .float32, "uint8": .uint8, "int8": .int8]
    let orders: [String: Order] = ["rgb": .rgb, "bgr": .bgr, "grey": .grey, "rgba": .rgba]
    each(inputs) { told, _ in
        let wanted = told["input"] as! [String: Any]
        var model = Model.shipped
        model.order = orders[told["order"] as! String]!
        model.mean = told["mean"] as! [Double]
        model.std = told["std"] as! [Double]
        model.input = TensorFacts(
            dtype: dtypes[wanted["dtype"] as! String]!, scale: wanted["scale"] as? Double, zeroPoint: wanted["zeroPoint"] as! Int,
            channelsFirst: wanted["channelsFirst"] as! Bool)
        return memory(encode(RGB(width: 5, height: 7, data: [UInt8](read(inputs, "picture"))), model), model.input.dtype)
    }
    let kinds: [String: ScoreKind] = [
        "softmax": .softmax, "logits": .logits, "sigmoid": .sigmoid, "logit": .logit, "multi-label": .multiLabel, "multi-label-logits": .multiLabelLogits,
        "percent": .percent,
    ]
    each(scores) { told, _ in
        var model = Model.shipped
        model.scoreKind = kinds[told["kind"] as! String]!
        model.output = TensorFacts(dtype: .float32, scale: nil, zeroPoint: 0)
        return memory(answers((told["row"] as! [Double]).map { Float($0) }, model), .float32)
    }
}

let words = CommandLine.arguments
if words[1] == "golden" {
    golden(words[2])
}
cases(words[2], words[3], words[4])
