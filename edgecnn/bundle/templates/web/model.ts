// What edgecnn read from the model file when it wrote this bundle. Written by a machine: write the bundle again rather than change it by hand.

/**
 * Probabilities of a softmax; logits; one probability or one logit, of the second of two classes; independent probabilities or logits, one a class, of which
 * several or none may hold; probabilities in percent.
 */
export type ScoreKind = "softmax" | "logits" | "sigmoid" | "logit" | "multi-label" | "multi-label-logits" | "percent";

export interface Model {
  readonly file: string;
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  /** Channels of the input; alpha is opaque, grey is 0.299 red + 0.587 green + 0.114 blue. */
  readonly order: "rgb" | "bgr" | "grey" | "rgba";
  /** The input is (byte - mean) / std, one value a channel in the model's order. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Both sides stretched to the model's size, the short side scaled to it and the centre kept, or the long side scaled to it and bars added. */
  readonly resize: "stretch" | "crop" | "pad";
  /** Of the training: Pillow's are rounded to bytes after each side, TensorFlow's once. */
  readonly filter:
    | "pillow-bilinear"
    | "pillow-bicubic"
    | "pillow-lanczos"
    | "pillow-box"
    | "pillow-nearest"
    | "tf-bilinear"
    | "tf-bilinear-antialias"
    | "tf-bicubic"
    | "tf-bicubic-antialias"
    | "tf-area"
    | "tf-nearest";
  /** For a crop: width and height that the picture is scaled to cover before the centre is cut out; null where the centre is cut out first. */
  readonly scaled: readonly [number, number] | null;
  /** Red, green and blue of the bars. */
  readonly bars: readonly [number, number, number];
  /** Real value = scale * (stored - zeroPoint); scale is null for floats, and where the file takes bytes and scales them itself. */
  readonly input: {
    readonly name: string;
    readonly dims: readonly number[];
    readonly dtype: "float32" | "uint8" | "int8";
    readonly scale: number | null;
    readonly zeroPoint: number;
    readonly channelsFirst: boolean;
  };
  readonly output: { readonly name: string; readonly scale: number | null; readonly zeroPoint: number };
  /** What the file's scores mean; `probabilities` in pixels.ts makes one probability a class of them. */
  readonly scoreKind: ScoreKind;
  /** Outputs before the first label. */
  readonly labelOffset: number;
  readonly labels: readonly string[];
}

export const MODEL: Model = @MODEL@;
