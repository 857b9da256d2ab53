// The page: a chosen file or the camera in, names and probabilities out. With ?golden it checks itself on the golden pictures.

import type { Classifier, Score } from "./classifier.ts";
import { complaints, stem, type Golden, type Seen } from "./golden.ts";
import { MODEL } from "./model.ts";
import { toRgb, type Picture } from "./pictures.ts";
import { encode, fit, type Stored } from "./pixels.ts";
import { fetched, openClassifier } from "./runtime.ts";

function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`the page has no ${kind.name} #${id}`);
  }
  return found;
}

const file = element("file", HTMLInputElement);
const button = element("camera", HTMLButtonElement);
const video = element("video", HTMLVideoElement);
const preview = element("preview", HTMLImageElement);
const list = element("scores", HTMLOListElement);
const status = element("status", HTMLParagraphElement);

function show(scores: readonly Score[]): void {
  list.replaceChildren(
    ...scores.map(({ label, probability }) => {
      const row = document.createElement("li");
      const name = document.createElement("span");
      const bar = document.createElement("meter");
      const share = document.createElement("span");
      name.textContent = label;
      bar.value = probability;
      share.textContent = `${(100 * probability).toFixed(1)} %`;
      row.append(name, bar, share);
      return row;
    }),
  );
}

async function classify(classifier: Classifier, picture: Picture): Promise<void> {
  const start = performance.now();
  show(await classifier.classify(await toRgb(picture)));
  status.textContent = `${(performance.now() - start).toFixed(0)} ms from the picture to its names`;
}

async function chosen(classifier: Classifier): Promise<void> {
  const picture = file.files?.[0];
  if (picture === undefined) {
    return;
  }
  stopCamera();
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(picture);
  preview.hidden = false;
  await classify(classifier, picture);
}

function stopCamera(): void {
  if (video.srcObject instanceof MediaStream) {
    video.srcObject.getTracks().forEach((track) => track.stop());
  }
  video.srcObject = null;
  video.hidden = true;
  button.textContent = "Camera";
}

async function toggleCamera(classifier: Classifier): Promise<void> {
  if (video.srcObject !== null) {
    return stopCamera();
  }
  // Only over https or on localhost does a browser hand out the camera.
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  preview.hidden = true;
  video.hidden = false;
  button.textContent = "Stop";
  await video.play();
  while (video.srcObject !== null) {
    await classify(classifier, video);
    await new Promise((next) => requestAnimationFrame(next));
  }
}

async function checkGolden(classifier: Classifier): Promise<void> {
  const golden = JSON.parse(new TextDecoder().decode(await fetched("golden/golden.json"))) as Golden;
  const seen: Record<string, Seen> = {};
  const stored: Record<string, Stored> = {};
  for (const picture of golden.pictures) {
    const pixels = await toRgb(new Blob([(await fetched(`golden/${picture.file}`)) as Uint8Array<ArrayBuffer>]));
    const bytes = (await fetched(`golden/${picture.input}`)).buffer;
    const input = encode(fit(pixels));
    seen[stem(picture.file)] = { input, probabilities: await classifier.probabilities(pixels) };
    stored[stem(picture.file)] = input instanceof Float32Array ? new Float32Array(bytes) : input instanceof Int8Array ? new Int8Array(bytes) : new Uint8Array(bytes);
  }
  const lines = complaints(golden, seen, stored);
  status.textContent = lines.length === 0 ? `${golden.pictures.length} golden pictures: passed` : lines.join("\n");
  status.dataset["golden"] = lines.length === 0 ? "passed" : "failed";
}

function failed(error: unknown): void {
  status.textContent = error instanceof Error ? error.message : String(error);
  status.dataset["failed"] = "yes";
}

async function main(): Promise<void> {
  const classifier = await openClassifier();
  status.textContent = `${MODEL.file} is ready`;
  file.disabled = button.disabled = false;
  file.addEventListener("change", () => void chosen(classifier).catch(failed));
  button.addEventListener("click", () => void toggleCamera(classifier).catch(failed));
  document.body.dataset["ready"] = "yes";
  if (new URLSearchParams(location.search).has("golden")) {
    await checkGolden(classifier);
  }
}

main().catch(failed);
