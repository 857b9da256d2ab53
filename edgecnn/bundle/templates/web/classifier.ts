// From upright pixels to the names of what they show, by ONNX Runtime: onnxruntime-web in a browser, onnxruntime-node in Node.

import type { InferenceSession, Tensor } from "onnxruntime-common";
import { MODEL, type Model } from "./model.ts";
import { encode, fit, probabilities, type Rgb } from "./pixels.ts";

export interface Score {
  readonly label: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** The part of onnxruntime-web and of onnxruntime-node that is used here. */
export type Runtime = Pick<typeof import("onnxruntime-common"), "InferenceSession" | "Tensor">;

export class Classifier {
  private readonly ort: Runtime;
  private readonly session: InferenceSession;
  readonly model: Model;

  private constructor(ort: Runtime, session: InferenceSession, model: Model) {
    this.ort = ort;
    this.session = session;
    this.model = model;
  }

  /** Load the model's bytes. */
  static async open(ort: Runtime, file: Uint8Array, model: Model = MODEL): Promise<Classifier> {
    return new Classifier(ort, await ort.InferenceSession.create(file), model);
  }

  /** One probability a class, for upright pixels of any size. */
  async probabilities(picture: Rgb): Promise<Float32Array> {
    const answers = await this.session.run({ [this.model.input.name]: this.tensor(picture) });
    const output = answers[this.model.output.name];
    if (output === undefined || typeof output.data[0] !== "number") {
      throw new Error(`the model gives ${Object.keys(answers).join(", ")}; expected numbers named ${this.model.output.name}`);
    }
    return probabilities(output.data as ArrayLike<number>, this.model);
  }

  /** The likeliest classes, likeliest first. */
  async classify(picture: Rgb, top = 5): Promise<Score[]> {
    return ranked(await this.probabilities(picture), this.model).slice(0, top);
  }

  private tensor(picture: Rgb): Tensor {
    const { dtype, dims } = this.model.input;
    return new this.ort.Tensor(dtype, encode(fit(picture, this.model), this.model), dims);
  }
}

/** Every class with its name, likeliest first (of a multi-label network every one of 0.5 or more holds); classes before the first label are background. */
export function ranked(row: Float32Array, model: Model = MODEL): Score[] {
  const scores = Array.from(row, (probability, output) => ({ label: model.labels[output - model.labelOffset] ?? "background", probability }));
  return scores.sort((a, b) => b.probability - a.probability);
}
