// Builds the page into the Python package: `node build.mjs`, or `npm run build`, which
// also checks the types.
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const ROOT = dirname(fileURLToPath(import.meta.url));
const PAGE = join(ROOT, "..", "ae_zoo", "explorer", "page");
const LITERT = join(ROOT, "node_modules", "@litertjs", "core");
// One build for browsers with relaxed SIMD, and a compatible one for the others.
const RUNTIMES = ["litert_wasm_internal", "litert_wasm_compat_internal"];

/** All files that the built page depends on, by their path below this folder. */
function sources() {
  const inFolder = (folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .map((name) => join(folder, name))
      .filter((name) => statSync(join(ROOT, name)).isFile());
  const single = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"];
  return [...single, ...inFolder("src"), ...inFolder("static"), ...inFolder("styles")]
    .map((name) => name.replaceAll("\\", "/"))
    .sort();
}

/** SHA-256 of the sources; tests/test_explorer_page.py computes the same. */
function hashOfSources() {
  const hash = createHash("sha256");
  for (const name of sources()) {
    hash.update(`${name}\n`);
    hash.update(readFileSync(join(ROOT, name)));
  }
  return hash.digest("hex");
}

async function bundle() {
  const shared = { bundle: true, minify: true, target: "es2022", legalComments: "eof" };
  await esbuild.build({
    ...shared,
    entryPoints: { explorer: join(ROOT, "src/main.ts") },
    format: "esm",
    outdir: PAGE,
  });
  // LiteRT loads its runtime by `importScripts`, which module workers lack. It looks
  // for the WebAssembly next to the worker's own script.
  await esbuild.build({
    ...shared,
    entryPoints: { worker: join(ROOT, "src/engine/worker.ts") },
    format: "iife",
    outdir: join(PAGE, "litert"),
  });
  await esbuild.build({
    ...shared,
    entryPoints: { explorer: join(ROOT, "styles/explorer.css") },
    outdir: PAGE,
  });
}

/** The runtime of LiteRT: its scripts minified, its WebAssembly compressed. */
function copyRuntime() {
  for (const name of RUNTIMES) {
    const script = readFileSync(join(LITERT, "wasm", `${name}.js`), "utf8");
    const { code } = esbuild.transformSync(script, { minify: true, target: "es2022" });
    writeFileSync(join(PAGE, "litert", `${name}.js`), code);
    const wasm = readFileSync(join(LITERT, "wasm", `${name}.wasm`));
    writeFileSync(join(PAGE, "litert", `${name}.wasm.gz`), gzipSync(wasm, { level: 9 }));
  }
}

rmSync(PAGE, { recursive: true, force: true });
mkdirSync(join(PAGE, "litert"), { recursive: true });
cpSync(join(ROOT, "static"), PAGE, { recursive: true });
await bundle();
copyRuntime();
writeFileSync(join(PAGE, "sources.txt"), `${hashOfSources()}\n`);
const names = readdirSync(PAGE, { recursive: true }).map((name) => join(PAGE, name));
const bytes = names
  .filter((name) => statSync(name).isFile())
  .reduce((sum, name) => {
    const content = readFileSync(name);
    return sum + (name.endsWith(".gz") ? content.length : gzipSync(content).length);
  }, 0);
console.log(`${relative(process.cwd(), PAGE)}: ${(bytes / 1e6).toFixed(2)} MB compressed`);
