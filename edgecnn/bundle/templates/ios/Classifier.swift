// From upright pixels to the names of what they show, by TensorFlow Lite's Interpreter.
// Signatures: https://developers.google.com/edge/api/tflite/swift/Classes/Interpreter

import Foundation
import TensorFlowLite

/// Opens the model of a bundle; not for two threads at once.
public final class Classifier {
    private let interpreter: Interpreter
    private let model: Model

    public init(bundle: Bundle = .main, threads: Int = 2, model: Model = .shipped) throws {
        let file = model.file as NSString
        guard let path = bundle.path(forResource: file.deletingPathExtension, ofType: file.pathExtension) else {
            throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: model.file])
        }
        var options = Interpreter.Options()
        options.threadCount = threads
        interpreter = try Interpreter(modelPath: path, options: options)
        try interpreter.allocateTensors()
        self.model = model
    }

    /// One probability a class, for upright pixels of any size.
    public func probabilities(_ picture: RGB) throws -> [Float] {
        try interpreter.copy(memory(encode(fit(picture, model), model), model.input.dtype), toInputAt: 0)
        try interpreter.invoke()
        return answers(numbers(try interpreter.output(at: 0).data, model.output.dtype), model)
    }

    /// The likeliest classes, likeliest first.
    public func classify(_ picture: RGB, top: Int = 5) throws -> [Score] {
        Array(ranked(try probabilities(picture), model).prefix(top))
    }
}
