// The golden pictures in Node: npm test. The same check runs in a browser, which also decodes the picture files, at index.html?golden.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as ort from "onnxruntime-node";
import { Classifier } from "./classifier.ts";
import { complaints, stem, type Golden, type Seen } from "./golden.ts";
import { MODEL } from "./model.ts";
import { encode, fit, turn, turnOf, type Rgb, type Stored } from "./pixels.ts";

const golden = JSON.parse(readFileSync("golden/golden.json", "utf8")) as Golden;
const model = readFileSync(MODEL.file);

function asStored(bytes: Buffer): Stored {
  const copy = Uint8Array.from(bytes).buffer;
  return MODEL.input.dtype === "float32" ? new Float32Array(copy) : MODEL.input.dtype === "int8" ? new Int8Array(copy) : new Uint8Array(copy);
}

function upright(picture: Golden["pictures"][number]): Rgb {
  const asItLies = { width: picture.width, height: picture.height, data: readFileSync(`golden/${picture.source}`) };
  const { quarters, mirrored } = turnOf(picture.orientation);
  return turn(asItLies, quarters, mirrored);
}

test("the model is the one that the golden pictures were made with", () => {
  assert.equal(createHash("sha256").update(model).digest("hex"), golden.sha256);
  assert.equal(MODEL.sha256, golden.sha256);
});

test("the app sees what the model was trained to see", async () => {
  const classifier = await Classifier.open(ort, model);
  const seen: Record<string, Seen> = {};
  const stored: Record<string, Stored> = {};
  for (const picture of golden.pictures) {
    const pixels = upright(picture);
    seen[stem(picture.file)] = { input: encode(fit(pixels)), probabilities: await classifier.probabilities(pixels) };
    stored[stem(picture.file)] = asStored(readFileSync(`golden/${picture.input}`));
  }
  assert.equal(golden.pictures.length > 0, true);
  const lines = complaints(golden, seen, stored);
  assert.equal(lines.length, 0, `\n${lines.join("\n")}`);
});
