// From upright RGB pixels of any size to the numbers that the model's input holds. No browser and no runtime in here, so that it runs and is tested
// anywhere; Pixels.kt and Pixels.swift of the other bundles are this file line by line.

import { MODEL, type Model } from "./model.ts";

/** Upright pixels, row by row from the top left, three bytes each: red, green, blue. */
export interface Rgb {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * One side of a resize: what lies between `from` and `to` becomes `total` pixels, of which `count` from `skip` on go to place `at` of the result. The
 * `size` pixels behind `origin` are looked at; `from` and `to` need not be whole.
 */
interface Side {
  readonly from: number;
  readonly to: number;
  readonly origin: number;
  readonly size: number;
  readonly total: number;
  readonly skip: number;
  readonly count: number;
  readonly at: number;
}

/** The pixels that one pixel is made of, from `first` up to `end`, and their weights before they are divided by their sum. */
interface Window {
  readonly first: number;
  readonly end: number;
  readonly weight: (pixel: number) => number;
}

/** For each pixel of the result: the first pixel that it is made of, how many, and their weights in 2^22nds, or 2^20ths. */
interface Filter {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

export type Stored = Float32Array | Uint8Array | Int8Array;

const BITS = 22; // of a weight's fraction: 255 times the sum of the weights still fits 31 bits
const HALF = 1 << (BITS - 1);
const TF_BITS = 20; // of both sides together over a byte fit the 53 bits that a number holds

type ResizeFilter = Model["filter"];

/** The picture at the model's size: both sides stretched, the centre cut out, or between bars, as the model was trained. */
export function fit(picture: Rgb, model: Model = MODEL): Rgb {
  const [across, down] = model.resize === "crop" ? cropped(picture, model) : inWhole(picture, model);
  const scaled = ofPillow(model.filter) ? resize(picture, across, down, model.filter) : resizeOnce(picture, across, down, model.filter);
  return model.resize === "pad" ? framed(scaled, across.at, down.at, model) : scaled;
}

function ofPillow(name: ResizeFilter): boolean {
  return name.startsWith("pillow-");
}

/** The sides for a crop. */
function cropped(picture: Rgb, model: Model): [Side, Side] {
  const { width, height } = picture;
  if (model.scaled !== null) {
    const [least, lowest] = model.scaled;
    const isWide = width * lowest >= height * least;
    const wide = Math.max(least, isWide ? Math.floor((lowest * width) / height) : least);
    const tall = Math.max(lowest, isWide ? lowest : Math.floor((least * height) / width));
    return [middle(width, wide, model.width), middle(height, tall, model.height)];
  }
  if (ofPillow(model.filter)) {
    return centre(picture, model);
  }
  const wide = Math.min(width, Math.max(1, Math.floor((height * model.width) / model.height)));
  const tall = Math.min(height, Math.max(1, Math.floor((width * model.height) / model.width)));
  return [
    { ...whole(wide, model.width), origin: Math.floor((width - wide) / 2) },
    { ...whole(tall, model.height), origin: Math.floor((height - tall) / 2) },
  ];
}

/** A side scaled to `total`, of which the middle is kept. */
function middle(size: number, total: number, kept: number): Side {
  return { ...whole(size, total), skip: half(total - kept), count: kept };
}

/** The sides of the largest centred part that has the model's proportions. */
function centre(picture: Rgb, model: Model): [Side, Side] {
  const { width, height } = picture;
  const wanted = model.width / model.height;
  const cutWidth = width / height >= wanted ? wanted * height : width;
  const cutHeight = width / height >= wanted ? height : width / wanted;
  const left = (width - cutWidth) * 0.5;
  const top = (height - cutHeight) * 0.5;
  return [
    { ...whole(width, model.width), from: Math.fround(left), to: Math.fround(left + cutWidth) },
    { ...whole(height, model.height), from: Math.fround(top), to: Math.fround(top + cutHeight) },
  ];
}

/** The sides for the whole picture, stretched or between bars. */
function inWhole(picture: Rgb, model: Model): [Side, Side] {
  const { width, height } = picture;
  if (model.resize !== "pad") {
    return [whole(width, model.width), whole(height, model.height)];
  }
  return [betweenBars(width, height, model.width, model.height, model.filter), betweenBars(height, width, model.height, model.width, model.filter)];
}

/** A side that keeps its proportion to the other one; Pillow rounds its length, TensorFlow cuts it down. */
function betweenBars(size: number, other: number, wanted: number, wantedOther: number, name: ResizeFilter): Side {
  const above = size * wantedOther;
  if (above >= other * wanted) {
    return whole(size, wanted);
  }
  const below = Math.floor(above / other);
  const rest = 2 * (above - below * other);
  const rounded = rest > other || (rest === other && below % 2 === 1) ? below + 1 : below;
  const total = Math.max(1, ofPillow(name) ? rounded : below);
  const at = ofPillow(name) ? half(wanted - total) : Math.floor((wanted * other - above) / (2 * other));
  return { ...whole(size, total), at };
}

/** Half of a size, rounded half to even. */
function half(size: number): number {
  return Math.floor(size / 2) + (size % 4 === 3 ? 1 : 0);
}

function whole(size: number, total: number): Side {
  return { from: 0, to: size, origin: 0, size, total, skip: 0, count: total, at: 0 };
}

/** The scaled picture between bars. */
function framed(scaled: Rgb, left: number, top: number, model: Model): Rgb {
  const data = new Uint8Array(model.width * model.height * 3);
  for (let i = 0; i < data.length; i++) {
    data[i] = model.bars[i % 3]!;
  }
  for (let y = 0; y < scaled.height; y++) {
    data.set(scaled.data.subarray(y * scaled.width * 3, (y + 1) * scaled.width * 3), ((y + top) * model.width + left) * 3);
  }
  return { width: model.width, height: model.height, data };
}

/**
 * By a filter of Pillow's, rounded to bytes after each of its two passes, across and down. Those with antialias average all the pixels that a new one
 * covers, which canvas.drawImage, createImageBitmap and the filters of a phone do not promise; the training did exactly this.
 */
export function resize(picture: Rgb, across: Side, down: Side, name: ResizeFilter): Rgb {
  const sameWidth = across.total === picture.width && across.from === 0 && across.to === picture.width && across.count === across.total;
  const sameHeight = down.total === picture.height && down.from === 0 && down.to === picture.height && down.count === down.total;
  const goAcross = (one: Rgb): Rgb => (sameWidth ? one : resizeAcross(one, filter(across, name)));
  const goDown = (one: Rgb): Rgb => (sameHeight ? one : resizeDown(one, filter(down, name)));
  // The order shows in the rounding: Pillow 13 goes down first where that removes more than twice as many rows as going across would remove columns.
  const rows = picture.height - down.total;
  return rows > 0 && rows > (picture.width - across.total) * 2 ? goAcross(goDown(picture)) : goDown(goAcross(picture));
}

function filter(side: Side, name: ResizeFilter): Filter {
  const [scale, support, widened] = sizes(side, name);
  const stride = name === "tf-area" ? Math.ceil(scale) + 2 : Math.ceil(support) * 2 + 1;
  const made: Filter = { first: new Int32Array(side.count), count: new Int32Array(side.count), weights: new Int32Array(side.count * stride), stride };
  const row = new Float64Array(stride);
  for (let at = 0; at < side.count; at++) {
    const { first, end, weight } = look(side, name, side.skip + at, scale, support, widened);
    let sum = 0;
    for (let k = first; k < end; k++) {
      row[k - first] = weight(k);
      sum += row[k - first]!;
    }
    for (let k = 0; k < end - first; k++) {
      const share = sum === 0 ? 0 : row[k]! / sum;
      const fixed = ofPillow(name) ? Math.trunc((share < 0 ? -0.5 : 0.5) + share * (1 << BITS)) : Math.floor(share * (1 << TF_BITS) + 0.5);
      made.weights[at * stride + k] = fixed;
    }
    made.first[at] = first + side.origin;
    made.count[at] = end - first;
  }
  return made;
}

/** Pixels of the source to one of the result, pixels to either side that count, and by how much the filter is widened, which smooths. */
function sizes(side: Side, name: ResizeFilter): [number, number, number] {
  let scale = Math.fround(side.to - side.from) / side.total;
  if (name === "tf-bilinear-antialias" || name === "tf-bicubic-antialias") {
    scale = Math.fround(1 / Math.fround(side.total / side.size));
  } else if (!ofPillow(name)) {
    scale = Math.fround(side.size / side.total);
  }
  const widest = Math.max(scale, 1); // pixels of the source under one of the result: one, or more when shrinking
  const widened = name === "tf-bilinear" || name === "tf-bicubic" ? 1 : widest;
  return [scale, radius(name) * widened, widened];
}

function radius(name: ResizeFilter): number {
  switch (name) {
    case "pillow-box":
      return 0.5;
    case "pillow-bilinear":
    case "tf-bilinear":
    case "tf-bilinear-antialias":
      return 1;
    case "pillow-bicubic":
    case "tf-bicubic":
    case "tf-bicubic-antialias":
      return 2;
    case "pillow-lanczos":
      return 3;
    default:
      return 0;
  }
}

/** What pixel `place` of the scaled side is made of. TensorFlow computes places in single precision. */
function look(side: Side, name: ResizeFilter, place: number, scale: number, support: number, widened: number): Window {
  const size = side.size;
  if (name === "pillow-nearest" || name === "tf-nearest") {
    let middle = name === "tf-nearest" ? Math.fround((place + 0.5) * scale) : side.from + scale * 0.5;
    for (let n = 0; n < place && name === "pillow-nearest"; n++) {
      middle += scale; // step by step, as Pillow
    }
    const first = Math.min(Math.max(Math.trunc(middle), 0), size - 1);
    return { first, end: first + 1, weight: () => 1 };
  }
  if (name === "tf-area") {
    const start = Math.fround(place * scale);
    const end = Math.fround((place + 1) * scale);
    const covered = (k: number): number => Math.min(Math.max(Math.min(k + 1, end) - Math.max(k, start), 0), 1);
    return { first: Math.min(Math.trunc(start), size - 1), end: Math.min(Math.ceil(end), size), weight: covered };
  }
  if (name === "tf-bicubic") {
    const middle = Math.fround(Math.fround((place + 0.5) * scale) - 0.5);
    const base = Math.floor(middle);
    const share = roundToEven((middle - base) * 1024) / 1024;
    return { first: Math.min(Math.max(base - 1, 0), size - 1), end: Math.min(base + 3, size), weight: (k) => kernel(name, k - base - share) };
  }
  const middle = ofPillow(name) ? side.from + (place + 0.5) * scale : Math.fround((place + 0.5) * scale);
  return {
    first: Math.min(Math.max(Math.trunc(middle - support + 0.5), 0), size - 1),
    end: Math.min(Math.trunc(middle + support + 0.5), size),
    weight: (k) => kernel(name, (k - middle + 0.5) * (1 / widened)),
  };
}

function kernel(name: ResizeFilter, far: number): number {
  const x = Math.abs(far);
  switch (radius(name)) {
    case 0.5:
      return far > -0.5 && far <= 0.5 ? 1 : 0;
    case 2:
      return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    case 3:
      return x < 3 ? sinc(x) * sinc(x / 3) : 0;
    default:
      return Math.max(1 - x, 0);
  }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
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
      data[to] = clipped(red >> BITS);
      data[to + 1] = clipped(green >> BITS);
      data[to + 2] = clipped(blue >> BITS);
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
      data[y * row + x] = clipped(sum >> BITS);
    }
  }
  return { width: picture.width, height: first.length, data };
}

function clipped(value: number): number {
  return Math.min(Math.max(value, 0), 255);
}

/** By a filter of TensorFlow's, rounded once, half to even: all sums are whole numbers that a double holds, so that no machine gives others. */
function resizeOnce(picture: Rgb, across: Side, down: Side, name: ResizeFilter): Rgb {
  const columns = filter(across, name);
  const rows = filter(down, name);
  const wide = across.count * 3;
  const sums = new Float64Array(wide * picture.height);
  for (let y = down.origin; y < down.origin + down.size; y++) {
    for (let x = 0; x < wide; x++) {
      const column = Math.floor(x / 3);
      let sum = 0;
      for (let k = 0; k < columns.count[column]!; k++) {
        sum += picture.data[(y * picture.width + columns.first[column]! + k) * 3 + (x % 3)]! * columns.weights[column * columns.stride + k]!;
      }
      sums[y * wide + x] = sum;
    }
  }
  const data = new Uint8Array(wide * down.count);
  for (let y = 0; y < down.count; y++) {
    for (let x = 0; x < wide; x++) {
      let sum = 0;
      for (let k = 0; k < rows.count[y]!; k++) {
        sum += sums[(rows.first[y]! + k) * wide + x]! * rows.weights[y * rows.stride + k]!;
      }
      data[y * wide + x] = clipped(roundToEven(sum / 2 ** (2 * TF_BITS)));
    }
  }
  return { width: across.count, height: down.count, data };
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
