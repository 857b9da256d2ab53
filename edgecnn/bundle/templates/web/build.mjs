// Everything that a browser needs, into dist: the page, the model, the golden pictures, and ONNX Runtime's WebAssembly out of node_modules. The test for
// Node goes into build.

import { build } from "esbuild";
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";

const RUNTIME = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

for (const folder of ["dist", "build"]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
}
const both = { bundle: true, format: "esm", legalComments: "linked" };
// The condition keeps the WebAssembly a file of its own beside the page, see runtime.ts.
const forBrowsers = { target: "es2022", minify: true, conditions: ["onnxruntime-web-use-extern-wasm"] };
await build({ ...both, ...forBrowsers, entryPoints: ["page.ts"], outdir: "dist" });
await build({ ...both, entryPoints: ["golden.test.ts"], outdir: "build", platform: "node", target: "node20", packages: "external", outExtension: { ".js": ".mjs" } });

const models = readdirSync(".").filter((file) => file.endsWith(".onnx"));
for (const file of ["index.html", "page.css", "golden", ...models]) {
  cpSync(file, `dist/${file}`, { recursive: true });
}
for (const file of RUNTIME) {
  cpSync(`node_modules/onnxruntime-web/dist/${file}`, `dist/${file}`);
}
