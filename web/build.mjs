// Builds web/dist from web/src: the pages, bundles with hashed names of what the pages name, the
// stable entry of the element, and br and gzip copies of each. `node build.mjs --modules DIRECTORY`
// transpiles file by file instead, for tests that import single modules.

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, gzip, constants as zlib } from "node:zlib";
import * as esbuild from "esbuild";

const ROOT = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(ROOT, "src");
const DIST = join(ROOT, "dist");
const PAGES = join(SOURCE, "pages");
const ELEMENT = "element/course-video.ts";
const SHARED = "shared.ts";
const ENGINE = "playback/hls_engine.ts";
// Loaded by the element alone, so behind it: else what both need were a file of its own.
const BEHIND_ELEMENT = new Set(["controls/panels/downloads_dialog.ts"]);
const CLASSIC = /(^|\/)early\.ts$/; // scripts of one file that a page waits for
const WORKER = "offline/service_worker.ts";
const KEPT_PAGE = "watch.html"; // the page that opens without a connection
const INCLUDED = /^ *\{\{([\w./-]+\.html)\}\}\n/gm;
const NAMED = /\{\{([\w@./-]+)\}\}/g;
const ASSET = /\.(svg|woff2)$/;
const ADDRESS = "/static/"; // handlers/pages serves DIST here
// Two years old or so: what has Web Locks, inert, :has() and constructable style sheets.
const TARGET = ["es2022", "chrome111", "firefox121", "safari16.4"];
const SMALLEST_COMPRESSED = 256;

/** Style sheets of shadow roots are text that the element adopts: its pages forbid inline styles. */
const adoptedStyles = {
  name: "adopted-styles",
  setup({ onLoad }) {
    onLoad({ filter: /\.shadow\.css$/ }, async ({ path }) => {
      const { code } = await esbuild.transform(await readFile(path), {
        loader: "css",
        minify: true,
      });
      return { contents: code, loader: "text" };
    });
  },
};

/** Letters keep the font that they were first drawn in: the page must not move when another comes. */
const keptFonts = {
  name: "kept-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /@fontsource.*\.css$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      return {
        contents: text.replaceAll("font-display: swap", "font-display: optional"),
        loader: "css",
      };
    });
  },
};

/** Puts `shared.ts` in front of these entries, and the element in front of what is behind it. */
const inFrontOf = (entries) => ({
  name: "in-front",
  setup({ onLoad }) {
    onLoad({ filter: /\.tsx?$/ }, async ({ path }) => {
      const source = relative(SOURCE, path);
      const first = [];
      if (entries.has(source)) first.push(SHARED);
      if (BEHIND_ELEMENT.has(source)) first.push(ELEMENT);
      if (!first.length) return undefined;
      const imports = first.map((one) => `import ${JSON.stringify(join(SOURCE, one))};\n`);
      const contents = imports.join("") + (await readFile(path, "utf8"));
      return { contents, loader: extname(path).slice(1) };
    });
  },
});

const OPTIONS = {
  absWorkingDir: ROOT,
  preserveSymlinks: true, // a release is built beside the node_modules of the checkout
  format: "esm",
  target: TARGET,
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
  plugins: [adoptedStyles, keptFonts],
};

async function filesBelow(directory, pattern) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** All that the pages name, with the metadata of each output. */
async function bundleAll(sources) {
  const isClassic = (source) => CLASSIC.test(source);
  const modules = await bundle(sources.filter((source) => !isClassic(source)));
  const scripts = await bundleScripts(sources.filter(isClassic), outputsBySource(modules));
  return { outputs: { ...modules.outputs, ...scripts.outputs } };
}

/** Bundles twice: first to see which entries there are, and which of them need what is shared. */
async function bundle(sources) {
  const options = bundleOptions(sources);
  const { metafile } = await esbuild.build({ ...options, write: false });
  const plugins = [...OPTIONS.plugins, inFrontOf(entriesThatShare(metafile))];
  return (await esbuild.build({ ...options, plugins })).metafile;
}

async function bundleScripts(sources, made) {
  const { metafile } = await esbuild.build({
    ...bundleOptions(sources),
    format: "iife",
    splitting: false,
    define: { HLS_ENGINE: JSON.stringify(ADDRESS + made.get(ENGINE).name) },
  });
  return metafile;
}

function entriesThatShare({ inputs, outputs }) {
  const shared = reachedFrom(inputs, `src/${SHARED}`);
  const entries = Object.values(outputs).map(({ entryPoint }) => entryPoint ?? "");
  const isShared = (path) => shared.has(path);
  const sharing = entries.filter((entry) => [...reachedFrom(inputs, entry)].some(isShared));
  return new Set(sharing.map((entry) => relative("src", entry)));
}

/** The modules that one imports at once, with itself. */
function reachedFrom(inputs, path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { path: next, kind } of inputs[path]?.imports ?? [])
    if (kind === "import-statement") reachedFrom(inputs, next, seen);
  return seen;
}

function bundleOptions(sources) {
  return {
    ...OPTIONS,
    entryPoints: sources.map((source) => join(SOURCE, source)),
    outdir: DIST,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    loader: { ".svg": "copy", ".woff2": "file" },
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
  };
}

/** The sources that pages name as `{{design/styles/base.css}}`, and those that have stable addresses. */
function namedSources(pages) {
  const named = pages.flatMap(({ html }) => [...html.matchAll(NAMED)].map(([, source]) => source));
  const entries = named.filter((source) => !source.endsWith(".woff2"));
  return [...new Set([ELEMENT, SHARED, "pages/icon.svg", ...entries])];
}

/** Source path below src/ -> the file made of it, and the modules that it imports statically. */
function outputsBySource({ outputs }) {
  const found = new Map();
  for (const [path, { entryPoint, imports, inputs }] of Object.entries(outputs)) {
    const source = entryPoint ?? Object.keys(inputs)[0];
    if (!source || (!entryPoint && !ASSET.test(source))) continue;
    found.set(relative(SOURCE, join(ROOT, source)), {
      name: basename(path),
      needs: neededBy(outputs, imports ?? []),
    });
  }
  return found;
}

function neededBy(outputs, imports, seen = new Set()) {
  for (const { path, kind } of imports) {
    if (kind !== "import-statement" || seen.has(path)) continue;
    seen.add(path);
    neededBy(outputs, outputs[path].imports, seen);
  }
  return [...seen].map((path) => basename(path));
}

/** A page whose `{{NAME}}` are addresses, with a preload for every module that is needed at once. */
function fillPage(html, made) {
  const preloads = new Set();
  const filled = html.replaceAll(NAMED, (_, source) => {
    const output = made.get(source);
    if (!output) throw new Error(`nothing is made of ${source}`);
    for (const name of output.needs) preloads.add(name);
    return ADDRESS + output.name;
  });
  const links = [...preloads].map(
    (name) => `  <link rel="modulepreload" href="${ADDRESS}${name}">`,
  );
  return filled.replace("</head>", `${links.join("\n")}${links.length ? "\n" : ""}</head>`);
}

async function readPages() {
  const paths = await filesBelow(PAGES, /\.html$/);
  return Promise.all(
    paths.map(async (path) => ({ name: basename(path), html: await withIncludes(path) })),
  );
}

/** A page with the files in the places of their names, as `{{design/page/head.html}}`. */
async function withIncludes(path) {
  const html = await readFile(path, "utf8");
  const names = new Set([...html.matchAll(INCLUDED)].map(([, name]) => name));
  const parts = await Promise.all([...names].map((name) => readFile(join(SOURCE, name), "utf8")));
  const included = new Map([...names].map((name, i) => [name, parts[i]]));
  return html.replaceAll(INCLUDED, (_, name) => included.get(name));
}

async function writePages(pages, made) {
  for (const { name, html } of pages) await writeFile(join(DIST, name), fillPage(html, made));
}

/** The addresses that never change: the module that other sites name, and /favicon.ico. */
async function writeStableEntries(made) {
  const { name } = made.get(ELEMENT);
  await writeFile(join(DIST, "course-video.js"), `export * from "./${name}";\n`);
  await copyFile(join(PAGES, "icon.svg"), join(DIST, "icon.svg"));
}

/** The service worker, with the list of all that the kept page may load, now or later. */
async function writeWorker(metafile) {
  const html = await readFile(join(DIST, KEPT_PAGE), "utf8");
  const named = [...html.matchAll(/\/static\/([\w.-]+)/g)].map(([, name]) => name);
  const files = [...loadedBy(metafile, named)].sort();
  const version = createHash("sha256").update(html).update(files.join()).digest("hex").slice(0, 16);
  await esbuild.build({
    ...OPTIONS,
    format: "iife",
    entryPoints: [join(SOURCE, WORKER)],
    outfile: join(DIST, "service-worker.js"),
    bundle: true,
    minify: true,
    define: {
      SHELL: JSON.stringify({ version, files: files.map((name) => ADDRESS + name) }),
    },
  });
}

/** The named files and the modules that they import, at once or later; of fonts the named alone. */
function loadedBy({ outputs }, names, seen = new Set()) {
  for (const name of names) {
    if (seen.has(name)) continue;
    seen.add(name);
    const imports = outputs[`dist/${name}`]?.imports ?? [];
    const modules = imports.filter(({ path }) => path.endsWith(".js"));
    loadedBy(
      { outputs },
      modules.map(({ path }) => basename(path)),
      seen,
    );
  }
  return seen;
}

const compressions = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, {
      params: { [zlib.BROTLI_PARAM_QUALITY]: zlib.BROTLI_MAX_QUALITY },
    }),
  gz: (bytes) => promisify(gzip)(bytes, { level: zlib.Z_BEST_COMPRESSION }),
};

async function compressAll() {
  for (const path of await filesBelow(DIST, /\.(html|js|css|svg)$/)) {
    const bytes = await readFile(path);
    if (bytes.length < SMALLEST_COMPRESSED) continue;
    for (const [extension, compress] of Object.entries(compressions)) {
      const smaller = await compress(bytes);
      if (smaller.length < bytes.length) await writeFile(`${path}.${extension}`, smaller);
    }
  }
}

async function transpileModules(directory) {
  for (const path of await filesBelow(SOURCE, /\.(tsx?|js|css)$/)) {
    const target = join(directory, relative(SOURCE, path));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await transpile(path));
  }
}

async function transpile(path) {
  const text = await readFile(path, "utf8");
  if (path.endsWith(".shadow.css")) return `export default ${JSON.stringify(text)};`;
  if (!/\.tsx?$/.test(path)) return text;
  const { code } = await esbuild.transform(text, {
    loader: extname(path).slice(1),
    target: TARGET,
    jsx: OPTIONS.jsx,
    jsxImportSource: OPTIONS.jsxImportSource,
  });
  return code;
}

const [flag, directory] = process.argv.slice(2);
if (flag === "--modules") {
  await transpileModules(directory);
} else {
  await rm(DIST, { recursive: true, force: true });
  const pages = await readPages();
  const metafile = await bundleAll(namedSources(pages));
  const made = outputsBySource(metafile);
  await writePages(pages, made);
  await writeStableEntries(made);
  await writeWorker(metafile);
  await compressAll();
  // Last: make takes it for the mark that all is there.
  await writeFile(join(DIST, "metafile.json"), JSON.stringify(metafile));
}
