// From upright RGB pixels of any size to the numbers that the model's input holds. No browser and no runtime in here, so that it runs and is tested
// anywhere; Pixels.kt and Pixels.swift of the other bundles are this file line by line.

import { MODEL, type Model } from "./model.ts";

/** Upright pixels, row by row from the top left, three bytes each: red, green, blue. */
export interface Rgb {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What of one side goes into one side of the result, in pixels; need not be whole. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** For each pixel of the result: the first pixel that it is made of, how many, and their weights in 2^22nds. */
interface Filter {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

export type Stored = Float32Array | Uint8Array | Int8Array;

const BITS = 22; // of a weight's fraction: 255 times the sum of the weights still fits 31 bits
const HALF = 1 << (BITS - 1);

/** The picture at the model's size: both sides stretched, or the centre cut out, as the model was trained. */
export function fit(picture: Rgb, model: Model = MODEL): Rgb {
  const [across, down] = model.resize === "crop" ? centre(picture, model) : [whole(picture.width), whole(picture.height)];
  return resize(picture, across, down, model.width, model.height);
}

/** The spans of the largest centred part that has the model's proportions. */
function centre(picture: Rgb, model: Model): [Span, Span] {
  const { width, height } = picture;
  const wanted = model.width / model.height;
  const cutWidth = width / height >= wanted ? wanted * height : width;
  const cutHeight = width / height >= wanted ? height : width / wanted;
  const left = (width - cutWidth) * 0.5;
  const top = (height - cutHeight) * 0.5;
  return [
    { from: Math.fround(left), to: Math.fround(left + cutWidth) },
    { from: Math.fround(top), to: Math.fround(top + cutHeight) },
  ];
}

function whole(size: number): Span {
  return { from: 0, to: size };
}

/**
 * Bilinear with antialias, rounded to bytes after each of its two passes, across and down. A shrunk picture averages all the pixels that a new one
 * covers, which canvas.drawImage, createImageBitmap and the filters of a phone do not promise; the training did exactly this.
 */
export function resize(picture: Rgb, across: Span, down: Span, width: number, height: number): Rgb {
  const sameWidth = width === picture.width && across.from === 0 && across.to === width;
  const sameHeight = height === picture.height && down.from === 0 && down.to === height;
  const goAcross = (one: Rgb): Rgb => (sameWidth ? one : resizeAcross(one, filter(picture.width, across, width)));
  const goDown = (one: Rgb): Rgb => (sameHeight ? one : resizeDown(one, filter(picture.height, down, height)));
  // The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns.
  const rows = picture.height - height;
  return rows > 0 && rows > (picture.width - width) * 2 ? goAcross(goDown(picture)) : goDown(goAcross(picture));
}

function filter(size: number, span: Span, wanted: number): Filter {
  const scale = Math.fround(span.to - span.from) / wanted;
  const support = Math.max(scale, 1); // pixels to either side that count: one, or more when shrinking
  const stride = Math.ceil(support) * 2 + 1;
  const made: Filter = { first: new Int32Array(wanted), count: new Int32Array(wanted), weights: new Int32Array(wanted * stride), stride };
  const row = new Float64Array(stride);
  for (let at = 0; at < wanted; at++) {
    const middle = span.from + (at + 0.5) * scale;
    const first = Math.max(Math.trunc(middle - support + 0.5), 0);
    const count = Math.min(Math.trunc(middle + support + 0.5), size) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      row[k] = Math.max(1 - Math.abs((k + first - middle + 0.5) * (1 / support)), 0);
      sum += row[k]!;
    }
    for (let k = 0; k < count; k++) {
      made.weights[at * stride + k] = Math.trunc(0.5 + (row[k]! / sum) * (1 << BITS));
    }
    made.first[at] = first;
    made.count[at] = count;
  }
  return made;
}

function resizeAcross(picture: Rgb, filter: Filter): Rgb {
  const { first, count, weights, stride } = filter;
  const width = first.length;
  const data = new Uint8Array(width * picture.height * 3);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) {
      let from = (y * picture.width + first[x]!) * 3;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let k = x * stride; k < x * stride + count[x]!; k++) {
        const weight = weights[k]!;
        red += picture.data[from]! * weight;
        green += picture.data[from + 1]! * weight;
        blue += picture.data[from + 2]! * weight;
        from += 3;
      }
      const to = (y * width + x) * 3;
      data[to] = Math.min(red >> BITS, 255);
      data[to + 1] = Math.min(green >> BITS, 255);
      data[to + 2] = Math.min(blue >> BITS, 255);
    }
  }
  return { width, height: picture.height, data };
}

function resizeDown(picture: Rgb, filter: Filter): Rgb {
  const { first, count, weights, stride } = filter;
  const row = picture.width * 3;
  const data = new Uint8Array(row * first.length);
  for (let y = 0; y < first.length; y++) {
    for (let x = 0; x < row; x++) {
      let sum = HALF;
      for (let k = 0; k < count[y]!; k++) {
        sum += picture.data[(first[y]! + k) * row + x]! * weights[y * stride + k]!;
      }
      data[y * row + x] = Math.min(sum >> BITS, 255);
    }
  }
  return { width: picture.width, height: first.length, data };
}

/** The picture turned clockwise by quarters of a turn, after it was mirrored left to right where `mirrored`. */
export function turn(picture: Rgb, quarters: number, mirrored = false): Rgb {
  const { width, height, data } = picture;
  const turns = ((quarters % 4) + 4) % 4;
  if (turns === 0 && !mirrored) {
    return picture;
  }
  const wide = turns % 2 === 0 ? width : height;
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const column = mirrored ? width - 1 - x : x;
      const toX = [column, height - 1 - y, width - 1 - column, y][turns]!;
      const toY = [y, column, height - 1 - y, width - 1 - column][turns]!;
      const from = (y * width + x) * 3;
      turned.set(data.subarray(from, from + 3), (toY * wide + toX) * 3);
    }
  }
  return { width: wide, height: (width * height) / wide, data: turned };
}

/** What EXIF's orientation 1 to 8 asks for: quarters of a turn clockwise, and whether to mirror before. */
export function turnOf(orientation: number): { quarters: number; mirrored: boolean } {
  const quarters = [0, 0, 2, 2, 3, 1, 1, 3][orientation - 1] ?? 0;
  return { quarters, mirrored: [2, 4, 5, 7].includes(orientation) };
}

/** What the input stores for each byte: (byte - mean) / std, and its nearest step where the input holds whole numbers. One table a channel. */
export function levels(model: Model = MODEL): Stored[] {
  return model.mean.map((mean, channel) => {
    const std = Math.fround(model.std[channel]!);
    const { dtype, scale, zeroPoint } = model.input;
    const bytes = Float64Array.from({ length: 256 }, (_, byte) => byte);
    if (dtype === "float32") {
      return Float32Array.from(bytes, (byte) => Math.fround(byte - Math.fround(mean)) / std);
    }
    const [least, most] = dtype === "int8" ? [-128, 127] : [0, 255];
    // A file that takes bytes and scales them itself has no scale: the byte is the input.
    const real = (byte: number): number => (scale === null ? byte + least : roundToEven((byte - Math.fround(mean)) / std / scale) + zeroPoint);
    const stored = bytes.map((byte) => Math.min(Math.max(real(byte), least), most));
    return dtype === "int8" ? Int8Array.from(stored) : Uint8Array.from(stored);
  });
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const above = value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0);
  return above ? below + 1 : below;
}

/** The input for a picture of the model's size: channels in the model's order, scaled, in the model's layout of memory. */
export function encode(picture: Rgb, model: Model = MODEL): Stored {
  const tables = levels(model);
  const pixels = picture.width * picture.height;
  const channels = tables.length;
  const stored = emptied(model, pixels * channels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      const at = model.input.channelsFirst ? channel * pixels + pixel : pixel * channels + channel;
      stored[at] = tables[channel]![byteOf(picture.data, pixel * 3, channel, model.order)]!;
    }
  }
  return stored;
}

function emptied(model: Model, length: number): Stored {
  switch (model.input.dtype) {
    case "float32":
      return new Float32Array(length);
    case "int8":
      return new Int8Array(length);
    case "uint8":
      return new Uint8Array(length);
  }
}

function byteOf(data: Uint8Array, at: number, channel: number, order: Model["order"]): number {
  if (order === "grey") {
    return Math.floor((299 * data[at]! + 587 * data[at + 1]! + 114 * data[at + 2]! + 500) / 1000);
  }
  if (channel === 3) {
    return 255;
  }
  return data[at + (order === "bgr" ? 2 - channel : channel)]!;
}

/** One probability a class from what the output stores. */
export function probabilities(stored: ArrayLike<number>, model: Model = MODEL): Float32Array {
  const { scale, zeroPoint } = model.output;
  const scores = Float32Array.from(stored, (value) => (scale === null ? value : scale * (value - zeroPoint)));
  switch (model.scoreKind) {
    case "softmax":
    case "multi-label":
      return scores;
    case "percent":
      return scores.map((score) => score / 100);
    case "multi-label-logits":
      return scores.map(sigmoid);
    case "sigmoid":
      return Float32Array.of(1 - scores[0]!, scores[0]!);
    case "logit":
      return Float32Array.of(1 - sigmoid(scores[0]!), sigmoid(scores[0]!));
    case "logits":
      return softmax(scores);
  }
}

function softmax(scores: Float32Array): Float32Array {
  const most = scores.reduce((a, b) => Math.max(a, b));
  const grown = scores.map((score) => Math.exp(score - most));
  const sum = grown.reduce((a, b) => a + b);
  return grown.map((value) => value / sum);
}

function sigmoid(logit: number): number {
  return 0.5 * (1 + Math.tanh(0.5 * logit));
}
