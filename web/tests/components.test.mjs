// What components and the player say comes from their catalogues. JSX is turned into calls first, so
// that texts, attributes and arguments are literals alike.

import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { parseAst } from "vite";
import { describe, expect, it } from "vitest";
import { en } from "../src/texts/en.ts";
import { en as playerEn } from "../src/texts/player/en.ts";

const PLAYER = /^(browser|controls|element|offline|playback|progress|service)\/.*\.ts$/;
const SOURCE = join(dirname(fileURLToPath(import.meta.url)), "..", "src");
// A capital word, or two words. Media types, keys and single words of code have neither.
const PROSE = /^[^a-zA-Z]*[A-Z][a-z]+\b(?![.(])|[a-zA-Z]{2,} [a-zA-Z]{2,}/;
const CLASSES = /(^| )[a-z_]+--|^[a-z]+(-[a-z]+)+$/;
// A word among values: `${count} seen`.
const WORD = /(^| )[a-z]{2,} | [a-z]{2,}$/;
// What is read out or shown, even where it is a single small word.
const SPOKEN = /^(aria(Label|ValueText|Description|RoleDescription)|alt|label|placeholder|title)$/;
// Names, which are no language's: keys, and what the browser is asked for.
const NAMES = /^(Escape|Enter|Tab|Space|Home|End|Page(Up|Down)|Arrow(Left|Right|Up|Down))$/;
// Words of HTTP and of reports.
const PROTOCOL = /^([A-Z][a-z]+-[A-Z][a-z]+|Bearer |bytes |status )$/;

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
  if (node.type === "TemplateElement") note(node.value.cooked, found, WORD);
  if (node.type === "Property" && SPOKEN.test(node.key.name) && isText(node.value))
    note(node.value.value, found, /[a-z]/i);
  if (node.type === "CallExpression" && /^(text|playerText)$/.test(node.callee.name))
    found.keys.push(...node.arguments.filter(isText).map(({ value }) => value));
  for (const child of Object.values(node).flat()) if (child?.type) walk(child, found);
}

function note(said, found, further = PROSE) {
  if (typeof said !== "string" || found.prose.includes(said)) return;
  if (CLASSES.test(said) || NAMES.test(said) || PROTOCOL.test(said)) return;
  if (PROSE.test(said) || further.test(said)) found.prose.push(said);
}

const isText = ({ type, value }) => type === "Literal" && typeof value === "string";

/** Imports, classes, words that are split for code, and errors for the console. */
function isForMachines({ type, key, callee }) {
  if (type === "ImportDeclaration") return true;
  if (type === "Property") return /^class(Name)?$/.test(key.name);
  if (type === "CallExpression")
    return callee.type === "Super" || callee.property?.name === "split";
  return type === "NewExpression" && /Error$/.test(callee.name);
}

function keysOf(part, before = "") {
  return Object.entries(part).flatMap(([name, value]) => {
    const isLeaf = typeof value === "string" || "other" in value;
    return isLeaf ? [before + name] : keysOf(value, `${before}${name}.`);
  });
}

async function scanAll(pattern) {
  const paths = (await readdir(SOURCE, { recursive: true })).filter((path) => pattern.test(path));
  const read = async (path) => [path, await scan(await readFile(join(SOURCE, path), "utf8"))];
  return Promise.all(paths.map(read));
}

describe("the components", async () => {
  const components = await scanAll(/\.tsx$/);

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

describe("the player", async () => {
  const modules = await scanAll(PLAYER);

  it("is looked through", () => expect(modules.length).toBeGreaterThan(40));

  it.each(modules)("says in %s what is in its catalogue", (_, { prose }) =>
    expect(prose).toEqual([]),
  );

  it("asks for no text that is missing", () => {
    const asked = modules.flatMap(([, { keys }]) => keys);
    expect(asked.length).toBeGreaterThan(50);
    expect(asked.filter((key) => !keysOf(playerEn).includes(key))).toEqual([]);
  });

  it("could say nothing else unnoticed", async () => {
    const { prose } = await scan(
      `el("b", { ariaLabel: "seen", title: \`\${x} left\` }, "Play"); flash(\`Volume \${x} %\`);
      throw new Error("Two words"); names = "one two".split(" ");`,
    );
    expect(prose).toEqual(["seen", " left", "Play", "Volume "]);
  });
});
