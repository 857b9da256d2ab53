// Does this app see what the model was trained to see? Its inputs and answers for the golden pictures are compared with those that edgecnn measured;
// where they differ, the usual mistake that explains them best is named. golden.ts and Golden.kt of the other bundles are this file.

import Foundation

/// A row of numbers a picture, by the picture's name without suffix.
typealias Rows = [String: [Float]]

struct GoldenPicture: Decodable {
    struct Tolerance: Decodable {
        var input: Double
        var probabilities: Float
    }

    var file: String
    var orientation: Int
    var width: Int
    var height: Int
    /// Files with the stored input, and with the decoded bytes of the picture as it lies in its file.
    var input: String
    var source: String
    var probabilities: [Float]
    var top: Int
    var label: String
    var tolerance: Tolerance

    var stem: String { (file as NSString).deletingPathExtension }
}

/// golden.json.
struct Golden: Decodable {
    struct Cause: Decodable {
        var name: String
        var advice: String
    }

    var sha256: String
    var grid: Int
    var pictures: [GoldenPicture]
    var causes: [String: Cause]
    /// What the model answers to each mistake, and how the input looks then; pictures that a mistake leaves alone are not there.
    var traps: [String: Rows]
    var signatures: [String: Rows]
}

/// What the app made of one golden picture.
struct Seen {
    var input: [Float]
    var probabilities: [Float]
}

/// One line for each picture that the app sees otherwise, then one with the likely cause; empty when all is well. `stored` are the golden inputs.
func complaints(_ golden: Golden, _ seen: [String: Seen], stored: Rows, _ model: Model = .shipped) -> [String] {
    let lines = golden.pictures.compactMap { complaint($0, seen[$0.stem], stored[$0.stem] ?? [], model) }
    return lines.isEmpty ? lines : lines + [likelyCause(golden, seen, model)]
}

private func complaint(_ picture: GoldenPicture, _ seen: Seen?, _ stored: [Float], _ model: Model) -> String? {
    guard let seen, seen.input.count == stored.count, seen.probabilities.count == picture.probabilities.count else {
        return "\(picture.file): no answer, or one of another size"
    }
    let input = meanDifference(seen.input, stored)
    let answer = largestDifference(seen.probabilities, picture.probabilities)
    if input <= picture.tolerance.input && answer <= picture.tolerance.probabilities && labelled(picture, model) {
        return nil
    }
    let best = ranked(seen.probabilities, model)[0]
    return "\(picture.file): the app says \(best.label) (\(best.probability)), expected \(picture.label) (\(picture.probabilities[picture.top])); "
        + "probabilities off by \(answer) (at most \(picture.tolerance.probabilities)), input by \(input) (at most \(picture.tolerance.input))"
}

private func labelled(_ picture: GoldenPicture, _ model: Model) -> Bool {
    label(of: picture.top, model) == picture.label
}

private func likelyCause(_ golden: Golden, _ seen: [String: Seen], _ model: Model) -> String {
    let answers = seen.mapValues { $0.probabilities }
    let looks = seen.mapValues { signature($0.input, golden.grid, model) }
    let rightAnswers = Dictionary(uniqueKeysWithValues: golden.pictures.map { ($0.stem, $0.probabilities) })
    var wrong = golden.signatures
    let right = wrong.removeValue(forKey: "right") ?? [:]
    // The input tells mistakes apart that the answers do not; the answers are what an app has whose library hides the input.
    let key = nearest(looks, right: right, wrong: wrong) ?? nearest(answers, right: rightAnswers, wrong: golden.traps)
    if key == nil && !golden.pictures.allSatisfy({ labelled($0, model) }) {
        return "Likely cause: other labels, or another number of outputs before the first one"
    }
    guard let cause = key.flatMap({ golden.causes[$0] }) else {
        return "Likely cause: none of the usual mistakes explains it"
    }
    return "Likely cause: \(cause.name). \(cause.advice)"
}

/// The mistake whose rows lie nearest to those seen; nil where none lies at less than half the distance of the right ones.
func nearest(_ seen: Rows, right: Rows, wrong: [String: Rows]) -> String? {
    var best: String?
    var least = distance(seen, right, right) / 2
    for (key, rows) in wrong.sorted(by: { $0.key < $1.key }) {
        let far = distance(seen, rows, right)
        if far < least {
            (best, least) = (key, far)
        }
    }
    return best
}

private func distance(_ seen: Rows, _ rows: Rows, _ right: Rows) -> Double {
    seen.reduce(0) { $0 + meanDifference($1.value, rows[$1.key] ?? right[$1.key] ?? []) }
}

/// For each channel in each field of a grid over a stored input its mean, and the mean difference to the pixel on the left, which tells a smoothed picture from
/// one that is not: row by row, field by field, channel by channel.
func signature(_ stored: [Float], _ grid: Int, _ model: Model = .shipped) -> [Float] {
    let channels = model.mean.count
    func value(_ x: Int, _ y: Int, _ channel: Int) -> Double {
        let pixel = y * model.width + x
        return Double(stored[model.input.channelsFirst ? channel * model.width * model.height + pixel : pixel * channels + channel])
    }
    var marks: [Float] = []
    for row in 0..<grid {
        for column in 0..<grid {
            let rows = field(model.height, row, grid)
            let columns = field(model.width, column, grid)
            for channel in 0..<channels {
                var sum = 0.0
                var rough = 0.0
                for y in rows {
                    for x in columns {
                        sum += value(x, y, channel)
                        rough += abs(value(x, y, channel) - value(max(x - 1, 0), y, channel))
                    }
                }
                let size = Double(rows.count * columns.count)
                marks.append(Float(sum / size))
                marks.append(Float(rough / size))
            }
        }
    }
    return marks
}

private func field(_ side: Int, _ at: Int, _ grid: Int) -> Range<Int> {
    let start = at * side / grid
    return start..<max(start + 1, (at + 1) * side / grid)
}

private func meanDifference(_ one: [Float], _ other: [Float]) -> Double {
    zip(one, other).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(one.count)
}

private func largestDifference(_ one: [Float], _ other: [Float]) -> Float {
    zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) }
}
