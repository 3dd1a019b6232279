// Fields, bodies and prose of the OpenAPI document. A type that a call shows twice is drawn in full
// both times.

import { Fragment } from "preact";
import { text } from "../../texts/texts.ts";
import { type Content, fieldsOf, kind, type OpenApi, type Schema } from "./openapi.ts";

const DEEPEST = 4; // a course holds modules, they hold videos, those hold progress

/** Text in which `this` is code. */
export function Prose({ words }: { words: string | undefined }) {
  const parts = (words ?? "").split("`");
  return (
    <p>
      {parts.map((part, at) =>
        at % 2 ? <code key={at}>{part}</code> : <Fragment key={at}>{part}</Fragment>,
      )}
    </p>
  );
}

interface FieldsProps {
  api: OpenApi;
  schema: Schema | undefined;
  depth?: number;
}

/** The fields of an object, its own objects within; nothing for what has no fields. */
export function Fields({ api, schema, depth = 0 }: FieldsProps) {
  const object = fieldsOf(api, schema);
  if (!object?.properties || depth >= DEEPEST) return null;
  return (
    <dl class="facts-list">
      {Object.entries(object.properties).map(([name, field]) => (
        <Fragment key={name}>
          <dt>
            <code>{name}</code>
            {!object.required?.includes(name) && (
              <span class="kind"> ({text("docs.optional")})</span>
            )}
          </dt>
          <dd>
            <span class="kind">{kind(field)}</span>
            {field.description && <Prose words={field.description} />}
            <Fields api={api} schema={field} depth={depth + 1} />
          </dd>
        </Fragment>
      ))}
    </dl>
  );
}

export function Bodies({ api, content = {} }: { api: OpenApi; content: Content | undefined }) {
  return (
    <>
      {Object.entries(content).map(([media, { schema }]) => (
        <div key={media}>
          <span class="kind">
            {media}
            {schema?.$ref && ` · ${kind(schema)}`}
          </span>
          <Fields api={api} schema={schema} />
        </div>
      ))}
    </>
  );
}
