// The golden pictures on a device or in the simulator. Add the folder `golden` to the test target as a folder reference, and the model to the app target.

import CryptoKit
import XCTest

@testable import App // the name of your app's module

final class GoldenTests: XCTestCase {
    private func asset(_ name: String) throws -> Data {
        let folder = try XCTUnwrap(Bundle(for: GoldenTests.self).url(forResource: "golden", withExtension: nil))
        return try Data(contentsOf: folder.appendingPathComponent(name))
    }

    private func golden() throws -> Golden {
        try JSONDecoder().decode(Golden.self, from: asset("golden.json"))
    }

    private func check(_ golden: Golden, decode: (GoldenPicture) throws -> RGB) throws {
        let classifier = try Classifier()
        var seen: [String: Seen] = [:]
        var stored: Rows = [:]
        for picture in golden.pictures {
            let pixels = try decode(picture)
            seen[picture.stem] = Seen(input: encode(fit(pixels)), probabilities: try classifier.probabilities(pixels))
            stored[picture.stem] = numbers(try asset(picture.input), Model.shipped.input.dtype)
        }
        let lines = complaints(golden, seen, stored: stored)
        XCTAssertTrue(lines.isEmpty, lines.joined(separator: "\n"))
    }

    func testTheModelIsTheOneOfTheGoldenPictures() throws {
        let name = Model.shipped.file as NSString
        let url = try XCTUnwrap(Bundle.main.url(forResource: name.deletingPathExtension, withExtension: name.pathExtension))
        let digest = SHA256.hash(data: try Data(contentsOf: url)).map { String(format: "%02x", $0) }.joined()
        XCTAssertEqual(digest, try golden().sha256)
        XCTAssertEqual(digest, Model.shipped.sha256)
    }

    /// The files as an app reads them, decoded by ImageIO.
    func testTheAppSeesWhatTheModelWasTrainedToSee() throws {
        try check(golden()) { try RGB(file: asset($0.file)) }
    }

    /// The same from bytes that edgecnn decoded: where this passes and the test above fails, the fault lies in reading the file.
    func testDecodedPixelsGiveTheSame() throws {
        try check(golden()) { picture in
            let asItLies = RGB(width: picture.width, height: picture.height, data: [UInt8](try asset(picture.source)))
            let upright = turnOf(picture.orientation)
            return turn(asItLies, upright.quarters, mirrored: upright.mirrored)
        }
    }
}
