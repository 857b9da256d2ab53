// From what iOS has (a picture file, a UIImage, a camera frame) to upright RGB pixels.

import CoreImage
import CoreVideo
import Foundation
import ImageIO

public enum PictureError: Error { case notAPicture }

extension RGB {
    /// A picture file's pixels at their own size, turned as EXIF says.
    public init(file content: Data) throws {
        guard let source = CGImageSourceCreateWithData(content as CFData, nil), let image = CGImageSourceCreateImageAtIndex(source, 0, nil) else {
            throw PictureError.notAPicture
        }
        let told = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any]
        let orientation = (told?[kCGImagePropertyOrientation] as? NSNumber)?.uint32Value ?? 1
        try self.init(image, orientation: CGImagePropertyOrientation(rawValue: orientation) ?? .up)
    }

    /// An image's pixels at their own size, turned; a UIImage is its cgImage and its imageOrientation. See-through pixels lie on white, as in training.
    public init(_ image: CGImage, orientation: CGImagePropertyOrientation = .up) throws {
        var bytes = [UInt8](repeating: 0, count: image.width * image.height * 4)
        // The image's own colours where they are RGB: the training read the bytes as they are stored, without colour management.
        let own = image.colorSpace.flatMap { $0.model == .rgb ? $0 : nil } ?? CGColorSpaceCreateDeviceRGB()
        let drawn = bytes.withUnsafeMutableBytes { memory -> Bool in
            let info = CGImageAlphaInfo.premultipliedLast.rawValue | CGBitmapInfo.byteOrder32Big.rawValue  // R, G, B, A in memory
            guard let context = CGContext(
                data: memory.baseAddress, width: image.width, height: image.height, bitsPerComponent: 8, bytesPerRow: image.width * 4, space: own,
                bitmapInfo: info
            ) else { return false }
            let whole = CGRect(x: 0, y: 0, width: image.width, height: image.height)
            context.setFillColor(red: 1, green: 1, blue: 1, alpha: 1)
            context.fill(whole)
            context.draw(image, in: whole)
            return true
        }
        guard drawn else { throw PictureError.notAPicture }
        let upright = turnOf(Int(orientation.rawValue))
        self = turn(RGB(width: image.width, height: image.height, fourBytes: bytes), upright.quarters, mirrored: upright.mirrored)
    }

    /// A camera frame of type kCVPixelFormatType_32BGRA, turned; ask AVCaptureVideoDataOutput for that type. `.right` for a phone held upright whose connection
    /// does not turn frames itself.
    public init(_ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up) throws {
        guard CVPixelBufferGetPixelFormatType(frame) == kCVPixelFormatType_32BGRA, CVPixelBufferLockBaseAddress(frame, .readOnly) == kCVReturnSuccess else {
            throw PictureError.notAPicture
        }
        defer { CVPixelBufferUnlockBaseAddress(frame, .readOnly) }
        guard let base = CVPixelBufferGetBaseAddress(frame) else { throw PictureError.notAPicture }
        let (width, height, row) = (CVPixelBufferGetWidth(frame), CVPixelBufferGetHeight(frame), CVPixelBufferGetBytesPerRow(frame))
        var data = [UInt8](repeating: 0, count: width * height * 3)
        for y in 0..<height {
            let line = base.advanced(by: y * row).assumingMemoryBound(to: UInt8.self)  // rows may be longer than their pixels
            for x in 0..<width {
                for channel in 0..<3 {
                    data[(y * width + x) * 3 + channel] = line[x * 4 + 2 - channel]  // B, G, R, A in memory
                }
            }
        }
        let upright = turnOf(Int(orientation.rawValue))
        self = turn(RGB(width: width, height: height, data: data), upright.quarters, mirrored: upright.mirrored)
    }

    private init(width: Int, height: Int, fourBytes: [UInt8]) {
        var data = [UInt8](repeating: 0, count: width * height * 3)
        for pixel in 0..<(width * height) {
            for channel in 0..<3 {
                data[pixel * 3 + channel] = fourBytes[pixel * 4 + channel]
            }
        }
        self.init(width: width, height: height, data: data)
    }
}
