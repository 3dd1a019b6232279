// Shows the OpenAPI document of this server: what can be called, with what, and what it answers.
//
// Reads only what documents of ours hold. References are followed as they are drawn, and a type
// that a call shows twice is drawn in full both times.

import { el } from "../browser/elements.ts";

const VERBS = ["get", "head", "put", "post", "patch", "delete", "options"];
const DEEPEST = 4; // a course holds modules, they hold videos, those hold progress

/** Resolves a reference within the document. */
export function resolve(api, thing) {
  if (!thing?.$ref) return thing;
  const names = thing.$ref
    .slice(2)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return resolve(
    api,
    names.reduce((place, name) => place?.[name], api),
  );
}

/** The operations of the document, grouped by tag, in the document's order. */
export function callsByTag(api) {
  const groups = new Map((api.tags ?? []).map((tag) => [tag.name, []]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const verb of VERBS.filter((one) => methods[one])) {
      const call = { path, verb, ...methods[verb] };
      const tag = call.tags?.[0] ?? "Others";
      groups.set(tag, [...(groups.get(tag) ?? []), call]);
    }
  }
  return groups;
}

/** A schema's kind in a few words: "integer, 1 to 200", "list of Source", "text or null". */
export function kind(api, schema) {
  const name = schema?.$ref?.split("/").at(-1);
  if (name) return words(name);
  if (!schema || !Object.keys(schema).length) return "bytes";
  if (schema.anyOf) return schema.anyOf.map((one) => kind(api, one)).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kind(api, schema.items)}`;
  if (schema.contentMediaType && !schema.type) return "bytes";
  const plain = { string: "text", null: "null" }[schema.type] ?? schema.type ?? "anything";
  return [schema.format === "uuid" ? "UUID" : (schema.format ?? plain), bounds(schema)]
    .filter(Boolean)
    .join(", ");
}

function words(name) {
  const listed = name.match(/^Listing_(\w+?)_$/);
  return listed ? `page of ${listed[1]}` : name;
}

function bounds({ minimum, maximum, minLength, maxLength, pattern }) {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `from ${minimum}`;
  if (maxLength !== undefined) return `${minLength ?? 0} to ${maxLength} characters`;
  return pattern && pattern.length < 40 ? pattern : "";
}

/** Text in which `this` is code. */
function prose(text, properties = {}) {
  const parts = (text ?? "").split("`");
  return el("p", properties, ...parts.map((part, at) => (at % 2 ? el("code", {}, part) : part)));
}

/** The fields of an object, its own objects within; nothing for what has no fields. */
function fields(api, schema, depth = 0) {
  const object = fieldsOf(api, schema);
  if (!object || depth >= DEEPEST) return null;
  const rows = Object.entries(object.properties).flatMap(([name, field]) => [
    el(
      "dt",
      {},
      el("code", {}, name),
      object.required?.includes(name) ? "" : el("span", { className: "kind" }, " (optional)"),
    ),
    el(
      "dd",
      {},
      el("span", { className: "kind" }, kind(api, field)),
      field.description ? prose(field.description) : "",
      fields(api, field, depth + 1),
    ),
  ]);
  return el("dl", { className: "facts" }, ...rows);
}

/** The object that a schema is, may be, or is a list of. */
function fieldsOf(api, schema) {
  const whole = resolve(api, schema);
  if (whole?.properties) return whole;
  if (whole?.items) return fieldsOf(api, whole.items);
  const choice = whole?.anyOf?.find((one) => fieldsOf(api, one));
  return choice ? fieldsOf(api, choice) : null;
}

function bodies(api, content = {}) {
  return Object.entries(content).map(([media, { schema }]) =>
    el(
      "div",
      {},
      el("span", { className: "media" }, media, schema?.$ref ? ` · ${kind(api, schema)}` : ""),
      fields(api, schema),
    ),
  );
}

function titled(title, ...content) {
  return content.some(Boolean) ? el("div", {}, el("h3", {}, title), ...content) : null;
}

function parameters(api, call) {
  const rows = (call.parameters ?? [])
    .map((one) => resolve(api, one))
    .flatMap((one) => [
      el("dt", {}, el("code", {}, one.name), el("span", { className: "kind" }, ` in ${one.in}`)),
      el(
        "dd",
        {},
        prose(one.description),
        el("span", { className: "kind" }, kind(api, one.schema)),
      ),
    ]);
  return rows.length ? el("dl", { className: "facts" }, ...rows) : null;
}

function answers(api, call) {
  const rows = Object.entries(call.responses).flatMap(([status, reference]) => {
    const answer = resolve(api, reference);
    const isProblem = Boolean(reference.$ref);
    const headers = Object.keys(answer.headers ?? {}).filter((name) => name !== "X-Request-ID");
    return [
      el("dt", {}, el("code", { className: isProblem ? "bad" : "" }, status)),
      el(
        "dd",
        {},
        prose(answer.description),
        headers.length ? el("p", { className: "kind" }, `with ${headers.join(", ")}`) : "",
        ...(isProblem ? [] : bodies(api, answer.content)),
      ),
    ];
  });
  return el("dl", { className: "facts" }, ...rows);
}

function drawCall(api, call) {
  const inside = el("div", { className: "inside" });
  const who = call.security?.length
    ? "A bearer token is needed."
    : call.path.includes("{grant}")
      ? "By the grant in the path."
      : "Nobody is asked for a token.";
  const shown = el(
    "details",
    { className: "call", id: call.operationId },
    el(
      "summary",
      {},
      el("span", { className: `verb ${call.verb}` }, call.verb.toUpperCase()),
      el("code", {}, call.path),
      el("span", { className: "purpose" }, call.summary),
    ),
    inside,
  );
  shown.addEventListener(
    "toggle",
    () => {
      const body = resolve(api, call.requestBody);
      const optional = body && !body.required ? " (optional)" : "";
      const parts = [
        titled("Who", prose(who)),
        titled("Parameters", parameters(api, call)),
        body && titled(`Body${optional}`, ...bodies(api, body.content)),
        titled("Answers", answers(api, call)),
      ];
      inside.append(...parts.filter(Boolean));
    },
    { once: true },
  );
  return shown;
}

function problems(api) {
  const rows = api.components.schemas.Problem.properties.type.oneOf.flatMap((one) => [
    el("dt", {}, el("code", {}, one.const.split(":").at(-1))),
    el("dd", {}, el("span", { className: "kind" }, `${one.title}. `), one.description),
  ]);
  return section(
    "Problems",
    prose(
      "Every error is `application/problem+json`; its `type` is `urn:coursestream:` and one of these codes.",
    ),
    el("dl", { className: "facts" }, ...rows),
  );
}

function section(title, ...content) {
  return el("section", { id: anchor(title) }, el("h2", {}, title), ...content);
}

const anchor = (title) => title.toLowerCase().replaceAll(" ", "-");

function drawContents(nav, titles, calls) {
  const filter = el("input", {
    type: "search",
    placeholder: "Find a call",
    ariaLabel: "Find a call",
  });
  filter.addEventListener("input", () => {
    for (const [call, node] of calls) node.hidden = !matches(call, filter.value);
  });
  nav.append(
    filter,
    el(
      "ul",
      {},
      ...titles.map((title) => el("li", {}, el("a", { href: `#${anchor(title)}` }, title))),
    ),
  );
}

/** True if the call's verb, path or summary contains each word of the search. */
export function matches(call, text) {
  const all = `${call.verb} ${call.path} ${call.summary}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

export function draw(api, nav, content) {
  const calls = [];
  const lead = el(
    "div",
    { className: "lead" },
    el("h1", {}, "HTTP API"),
    prose(api.info.description),
  );
  const groups = [...callsByTag(api)].filter(([, group]) => group.length);
  const sections = groups.map(([tag, group]) => {
    const nodes = group.map((call) => drawCall(api, call));
    for (const [at, node] of nodes.entries()) calls.push([group[at], node]);
    return section(tag, ...nodes);
  });
  content.append(lead, ...sections, problems(api));
  drawContents(nav, [...groups.map(([tag]) => tag), "Problems"], calls);
}

function showAddressed() {
  const addressed = document.getElementById(location.hash.slice(1));
  if (addressed?.tagName === "DETAILS") addressed.open = true;
  addressed?.scrollIntoView();
}

async function load(nav, content) {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(answer.status);
    draw(await answer.json(), nav, content);
    showAddressed();
  } catch {
    content.append(
      el(
        "p",
        { className: "notice bad" },
        "The description could not be loaded. Reload the page to try again.",
      ),
    );
  }
  content.ariaBusy = "false";
}

const content = document.getElementById("content");
if (content) load(document.getElementById("contents"), content);
