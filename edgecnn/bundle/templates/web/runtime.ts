// ONNX Runtime in the browser: its WebAssembly and the model come from this very site, never from another host.

import * as ort from "onnxruntime-web/wasm";
import { Classifier } from "./classifier.ts";
import { MODEL } from "./model.ts";

ort.env.wasm.wasmPaths = new URL("./", document.baseURI).href;
ort.env.wasm.numThreads = 1; // more need the two cross-origin isolation headers

/** Fetch the model and open it. */
export async function openClassifier(): Promise<Classifier> {
  return Classifier.open(ort, await fetched(MODEL.file));
}

/** Bytes of a file that lies beside the page. */
export async function fetched(path: string): Promise<Uint8Array> {
  const answer = await fetch(path);
  if (!answer.ok) {
    throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}
