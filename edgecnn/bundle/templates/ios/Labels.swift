// From classes to the names of what they mean.

public struct Score {
    public var label: String
    public var probability: Float
}

/// The name of a class; classes before the first label are background.
public func label(of output: Int, _ model: Model = .shipped) -> String {
    let place = output - model.labelOffset
    return model.labels.indices.contains(place) ? model.labels[place] : "background"
}

/// Every class with its name, likeliest first; of a multi-label network every one of 0.5 or more holds, not the first alone.
public func ranked(_ row: [Float], _ model: Model = .shipped) -> [Score] {
    row.enumerated().map { Score(label: label(of: $0.offset, model), probability: $0.element) }.sorted { $0.probability > $1.probability }
}
