// Does this app see what the model was trained to see? Its inputs and answers for the golden pictures are compared with those that edgecnn measured;
// where they differ, the usual mistake that explains them best is named. No browser and no runtime in here; Golden.kt and Golden.swift are this file.

import { MODEL, type Model } from "./model.ts";
import { ranked } from "./classifier.ts";
import type { Stored } from "./pixels.ts";

/** A row of numbers a picture, by the picture's name without suffix. */
export type Rows = Readonly<Record<string, ArrayLike<number>>>;

export interface GoldenPicture {
  readonly file: string;
  readonly orientation: number;
  readonly width: number;
  readonly height: number;
  /** Files with the stored input, and with the decoded bytes of the picture as it lies in its file. */
  readonly input: string;
  readonly source: string;
  readonly probabilities: readonly number[];
  readonly top: number;
  readonly label: string;
  readonly tolerance: { readonly input: number; readonly probabilities: number };
}

/** golden.json. */
export interface Golden {
  readonly sha256: string;
  readonly grid: number;
  readonly pictures: readonly GoldenPicture[];
  readonly causes: Readonly<Record<string, { readonly name: string; readonly advice: string }>>;
  /** What the model answers to each mistake, and how the input looks then; pictures that a mistake leaves alone are not there. */
  readonly traps: Readonly<Record<string, Rows>>;
  readonly signatures: Readonly<Record<string, Rows>>;
}

/** What the app made of one golden picture. */
export interface Seen {
  readonly input: Stored;
  readonly probabilities: ArrayLike<number>;
}

export function stem(file: string): string {
  return file.replace(/\.[^.]*$/, "");
}

/** One line for each picture that the app sees otherwise, then one with the likely cause; empty when all is well. `stored` are the golden inputs. */
export function complaints(golden: Golden, seen: Readonly<Record<string, Seen>>, stored: Rows, model: Model = MODEL): string[] {
  const lines = golden.pictures.flatMap((picture) => {
    const name = stem(picture.file);
    const line = complaint(picture, seen[name], stored[name]!, model);
    return line === null ? [] : [line];
  });
  return lines.length === 0 ? [] : [...lines, likelyCause(golden, seen, model)];
}

function complaint(picture: GoldenPicture, seen: Seen | undefined, stored: ArrayLike<number>, model: Model): string | null {
  if (seen === undefined || seen.input.length !== stored.length || seen.probabilities.length !== picture.probabilities.length) {
    return `${picture.file}: no answer, or one of another size`;
  }
  const input = meanDifference(seen.input, stored);
  const answer = largestDifference(seen.probabilities, picture.probabilities);
  const { tolerance } = picture;
  if (input <= tolerance.input && answer <= tolerance.probabilities && labelled(picture, model)) {
    return null;
  }
  const best = ranked(Float32Array.from(seen.probabilities), model)[0]!;
  return (
    `${picture.file}: the app says ${best.label} (${best.probability.toFixed(3)}), expected ${picture.label} (${picture.probabilities[picture.top]!.toFixed(3)}); ` +
    `probabilities off by ${answer.toFixed(3)} (at most ${tolerance.probabilities}), input by ${input.toFixed(3)} (at most ${tolerance.input})`
  );
}

function labelled(picture: GoldenPicture, model: Model): boolean {
  return (model.labels[picture.top - model.labelOffset] ?? "background") === picture.label;
}

function likelyCause(golden: Golden, seen: Readonly<Record<string, Seen>>, model: Model): string {
  const answers: Record<string, ArrayLike<number>> = {};
  const looks: Record<string, ArrayLike<number>> = {};
  for (const [name, one] of Object.entries(seen)) {
    answers[name] = one.probabilities;
    looks[name] = signature(one.input, golden.grid, model);
  }
  const { right, ...wrong } = golden.signatures;
  const rightAnswers = Object.fromEntries(golden.pictures.map((picture) => [stem(picture.file), picture.probabilities]));
  // The input tells mistakes apart that the answers do not; the answers are what an app has whose library hides the input.
  const key = nearest(looks, right!, wrong) ?? nearest(answers, rightAnswers, golden.traps);
  if (key === null && !golden.pictures.every((picture) => labelled(picture, model))) {
    return "Likely cause: other labels, or another number of outputs before the first one";
  }
  const cause = key === null ? undefined : golden.causes[key];
  return cause === undefined ? "Likely cause: none of the usual mistakes explains it" : `Likely cause: ${cause.name}. ${cause.advice}`;
}

/** The mistake whose rows lie nearest to those seen; null where none lies at less than half the distance of the right ones. */
export function nearest(seen: Rows, right: Rows, wrong: Readonly<Record<string, Rows>>): string | null {
  let best: string | null = null;
  let least = distance(seen, right, right) / 2;
  for (const [key, rows] of Object.entries(wrong)) {
    const far = distance(seen, rows, right);
    if (far < least) {
      [best, least] = [key, far];
    }
  }
  return best;
}

function distance(seen: Rows, rows: Rows, right: Rows): number {
  return Object.keys(seen).reduce((sum, name) => sum + meanDifference(seen[name]!, rows[name] ?? right[name]!), 0);
}

/**
 * For each channel in each field of a grid over a stored input its mean, and the mean difference to the pixel on the left, which tells a smoothed picture from
 * one that is not: row by row, field by field, channel by channel.
 */
export function signature(stored: ArrayLike<number>, grid: number, model: Model = MODEL): number[] {
  const { width, height } = model;
  const channels = model.mean.length;
  const value = (x: number, y: number, channel: number): number => {
    const pixel = y * width + x;
    return stored[model.input.channelsFirst ? channel * width * height + pixel : pixel * channels + channel]!;
  };
  const marks: number[] = [];
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const [top, bottom] = field(height, row, grid);
      const [left, right] = field(width, column, grid);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        let rough = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) {
            sum += value(x, y, channel);
            rough += Math.abs(value(x, y, channel) - value(Math.max(x - 1, 0), y, channel));
          }
        }
        const size = (bottom - top) * (right - left);
        marks.push(sum / size, rough / size);
      }
    }
  }
  return marks;
}

function field(side: number, at: number, grid: number): [number, number] {
  const start = Math.floor((at * side) / grid);
  return [start, Math.max(start + 1, Math.floor(((at + 1) * side) / grid))];
}

function meanDifference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) {
    sum += Math.abs(one[i]! - other[i]!);
  }
  return sum / one.length;
}

function largestDifference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < one.length; i++) {
    most = Math.max(most, Math.abs(one[i]! - other[i]!));
  }
  return most;
}
