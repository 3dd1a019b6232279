// The OpenAPI document as the page reads it. Pure; reads only what documents of ours hold.

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  contentMediaType?: string;
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  "x-enum-descriptions"?: string[];
  const?: string;
  title?: string;
  description?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

interface Reference {
  $ref?: string;
}

export interface Parameter extends Reference {
  name: string;
  in: string;
  description?: string;
  schema: Schema;
}

export type Content = Record<string, { schema?: Schema }>;

export interface Body extends Reference {
  required?: boolean;
  content: Content;
}

export interface Response extends Reference {
  description?: string;
  headers?: Record<string, unknown>;
  content?: Content;
}

interface Operation {
  operationId: string;
  summary: string;
  tags?: string[];
  security?: Record<string, unknown>[];
  parameters?: Parameter[];
  requestBody?: Body;
  responses: Record<string, Response>;
}

export interface Call extends Operation {
  path: string;
  verb: string;
}

export interface OpenApi {
  info: { description?: string };
  tags?: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

const VERBS = ["get", "head", "put", "post", "patch", "delete", "options"];

/** Resolves a reference within the document. */
export function resolve<T extends Reference>(api: OpenApi, thing: T): T;
export function resolve<T extends Reference>(api: OpenApi, thing: T | undefined): T | undefined;
export function resolve<T extends Reference>(api: OpenApi, thing: T | undefined): T | undefined {
  if (!thing?.$ref) return thing;
  const names = thing.$ref
    .slice(2)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const found = names.reduce<unknown>(
    (place, name) => (place as Record<string, unknown> | undefined)?.[name],
    api,
  );
  return resolve(api, found as T | undefined);
}

/** The operations of the document, grouped by tag, in the document's order. */
export function callsByTag(api: OpenApi): Map<string, Call[]> {
  const groups = new Map<string, Call[]>((api.tags ?? []).map(({ name }) => [name, []]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const verb of VERBS) {
      const operation = methods[verb];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? "Others";
      groups.set(tag, [...(groups.get(tag) ?? []), { path, verb, ...operation }]);
    }
  }
  return groups;
}

/** A schema's kind in a few words: "integer, 1 to 200", "list of Source", "text or null". */
export function kind(schema: Schema | undefined): string {
  const name = schema?.$ref?.split("/").at(-1);
  if (name) return named(name);
  if (!schema || !Object.keys(schema).length) return "bytes";
  if (schema.anyOf) return schema.anyOf.map((one) => kind(one)).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  if (schema.format === "binary" || (schema.contentMediaType && !schema.type)) return "bytes";
  const plain = { string: "text", null: "null" }[schema.type ?? ""] ?? schema.type ?? "anything";
  const form = schema.format === "uuid" ? "UUID" : (schema.format ?? plain);
  return [form, bounds(schema)].filter(Boolean).join(", ");
}

function named(name: string): string {
  const listed = name.match(/^Listing_(\w+?)_$/);
  return listed ? `page of ${listed[1]}` : name;
}

function bounds({ minimum, maximum, minLength, maxLength, pattern }: Schema): string {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (minimum !== undefined) return `from ${minimum}`;
  if (maxLength !== undefined) return `${minLength ?? 0} to ${maxLength} characters`;
  return pattern && pattern.length < 40 ? pattern : "";
}

/** The object that a schema is, may be, or is a list of. */
export function fieldsOf(api: OpenApi, schema: Schema | undefined): Schema | null {
  const whole = resolve(api, schema);
  if (whole?.properties) return whole;
  if (whole?.items) return fieldsOf(api, whole.items);
  const choice = whole?.anyOf?.find((one) => fieldsOf(api, one));
  return choice ? fieldsOf(api, choice) : null;
}

/** True if the call's verb, path or summary contains each word of the search. */
export function matches(call: Call, words: string): boolean {
  const all = `${call.verb} ${call.path} ${call.summary}`.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** The types of problems: the code, its title, and what it means. */
export function problemsOf(api: OpenApi): { code: string; title: string; meaning: string }[] {
  const type = api.components.schemas.Problem?.properties?.type;
  return (type?.enum ?? []).map((urn, place) => {
    const [title = "", ...sentences] = (type?.["x-enum-descriptions"]?.[place] ?? "").split(". ");
    return { code: String(urn).split(":").at(-1) ?? "", title, meaning: sentences.join(". ") };
  });
}

/** The id of a section. */
export function anchor(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}
