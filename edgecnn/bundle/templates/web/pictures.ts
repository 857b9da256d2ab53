// From what a browser has (a chosen file, the camera, a canvas) to upright RGB pixels.

import type { Rgb } from "./pixels.ts";

export type Picture = Blob | ImageBitmap | ImageData | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas;

/** Upright pixels at the picture's own size. A File is a Blob. */
export async function toRgb(picture: Picture): Promise<Rgb> {
  if (picture instanceof ImageData) {
    return overWhite(picture);
  }
  if (picture instanceof Blob) {
    // Turned as EXIF says, and no colour management: the training read the bytes as they are stored.
    const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image", colorSpaceConversion: "none" });
    try {
      return drawn(bitmap, bitmap.width, bitmap.height);
    } finally {
      bitmap.close();
    }
  }
  if (picture instanceof HTMLVideoElement) {
    // The browser turns camera frames upright. A front camera is mirrored by CSS only: the pixels here are not.
    return drawn(picture, picture.videoWidth, picture.videoHeight);
  }
  return drawn(picture, picture.width, picture.height);
}

/** The pixels at their own size: the canvas never resizes, because how it would is not said anywhere. */
function drawn(picture: CanvasImageSource, width: number, height: number): Rgb {
  if (width === 0 || height === 0) {
    throw new Error("the picture has no pixels yet; wait until the video plays");
  }
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) {
    throw new Error("this browser gives no 2d canvas");
  }
  context.fillStyle = "white"; // what lies under transparent pixels, as in training
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  return overWhite(context.getImageData(0, 0, width, height));
}

function overWhite({ width, height, data }: ImageData): Rgb {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    const alpha = data[from + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      rgb[to + channel] = Math.round((data[from + channel]! * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return { width, height, data: rgb };
}
