// What components say comes from the catalogue. JSX is turned into calls first, so that texts,
// attributes and arguments are literals alike.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { parseAst } from "vite";
import { describe, expect, it } from "vitest";
import { en } from "../src/texts/en.ts";

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "..", "src");
// A capital word, or two words. Media types, keys and single words of code have neither.
const PROSE = /^[^a-zA-Z]*[A-Z][a-z]+\b(?![.(])|[a-zA-Z]{2,} [a-zA-Z]{2,}/;
const CLASSES = /(^| )[a-z_]+--|^[a-z]+(-[a-z]+)+$/;
// Names, which are no language's: keys, and what the browser is asked for.
const NAMES = /^(Escape|Enter|Tab|Space|Home|End|Page(Up|Down)|Arrow(Left|Right|Up|Down))$/;

/** The literals that a viewer could read, and the keys of the catalogue that are asked for. */
async function scan(source) {
  const { code } = await transform(source, {
    loader: "tsx",
    jsx: "automatic",
    jsxImportSource: "preact",
  });
  const found = { prose: [], keys: [] };
  walk(parseAst(code), found);
  return found;
}

function walk(node, found) {
  if (isForMachines(node)) return;
  if (node.type === "Literal") note(node.value, found);
  if (node.type === "TemplateElement") note(node.value.cooked, found);
  if (node.type === "CallExpression" && node.callee.name === "text")
    found.keys.push(...node.arguments.filter(isText).map(({ value }) => value));
  for (const child of Object.values(node).flat()) if (child?.type) walk(child, found);
}

function note(said, found) {
  if (typeof said !== "string" || CLASSES.test(said) || NAMES.test(said)) return;
  if (PROSE.test(said)) found.prose.push(said);
}

const isText = ({ type, value }) => type === "Literal" && typeof value === "string";

/** Imports, classes, and errors for the console. */
function isForMachines({ type, key, callee }) {
  if (type === "ImportDeclaration") return true;
  if (type === "Property") return /^class(Name)?$/.test(key.name);
  return type === "NewExpression" && /Error$/.test(callee.name);
}

function keysOf(part, before = "") {
  return Object.entries(part).flatMap(([name, value]) => {
    const isLeaf = typeof value === "string" || "other" in value;
    return isLeaf ? [before + name] : keysOf(value, `${before}${name}.`);
  });
}

async function scanAll() {
  const paths = (await readdir(SOURCE, { recursive: true })).filter((path) => /\.tsx$/.test(path));
  const read = async (path) => [path, await scan(await readFile(join(SOURCE, path), "utf8"))];
  return Promise.all(paths.map(read));
}

describe("the components", async () => {
  const components = await scanAll();

  it("are looked through", () => expect(components.length).toBeGreaterThan(8));

  it.each(components)("of %s say what is in the catalogue", (_, { prose }) =>
    expect(prose).toEqual([]),
  );

  it("ask for no text that is missing", () => {
    const asked = components.flatMap(([, { keys }]) => keys);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.filter((key) => !keysOf(en).includes(key))).toEqual([]);
  });

  it("could say nothing else unnoticed", async () => {
    const { prose } = await scan(
      `<p class="a b--c" title="Go on">Not found {x ? "two words" : \`Say \${x}\`} {f("Hello")}</p>`,
    );
    expect(prose).toEqual(["Go on", "Not found ", "two words", "Say ", "Hello"]);
  });
});
