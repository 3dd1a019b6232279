// One call of the API: folded to verb, path and purpose; unfolded what it takes and answers.

import { type ComponentChildren, Fragment } from "preact";
import { useState } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { type Call, kind, type OpenApi, resolve } from "./openapi.ts";
import { Bodies, Prose } from "./schema.tsx";

interface CallProps {
  api: OpenApi;
  call: Call;
}

export function CallView({ api, call, isHidden }: CallProps & { isHidden: boolean }) {
  const [isOpen, setOpen] = useState(location.hash === `#${call.operationId}`);
  return (
    <details
      class="call card"
      id={call.operationId}
      hidden={isHidden}
      open={isOpen}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span class={`verb verb--${call.verb}`}>{call.verb.toUpperCase()}</span>
        <code>{call.path}</code>
        <span class="purpose">{call.summary}</span>
      </summary>
      {isOpen && <Inside api={api} call={call} />}
    </details>
  );
}

function Inside({ api, call }: CallProps) {
  const body = resolve(api, call.requestBody);
  return (
    <div class="inside">
      <Part title={text("docs.who")}>
        <p>{who(call)}</p>
      </Part>
      {call.parameters?.length ? (
        <Part title={text("docs.parameters")}>
          <Parameters api={api} call={call} />
        </Part>
      ) : null}
      {body && (
        <Part title={text(body.required ? "docs.body" : "docs.bodyOptional")}>
          <Bodies api={api} content={body.content} />
        </Part>
      )}
      <Part title={text("docs.answers")}>
        <Answers api={api} call={call} />
      </Part>
    </div>
  );
}

function who({ security, path }: Call): string {
  if (security?.length) return text("docs.byToken");
  return text(path.includes("{grant}") ? "docs.byGrant" : "docs.byAnyone");
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <h3>{title}</h3>
      {children}
    </div>
  );
}

function Parameters({ api, call }: CallProps) {
  const parameters = (call.parameters ?? []).map((one) => resolve(api, one));
  return (
    <dl class="facts-list">
      {parameters.map(({ name, in: place, description, schema }) => (
        <Fragment key={name}>
          <dt>
            <code>{name}</code>
            <span class="kind"> {text("docs.in", { place })}</span>
          </dt>
          <dd>
            <Prose words={description} />
            <span class="kind">{kind(schema)}</span>
          </dd>
        </Fragment>
      ))}
    </dl>
  );
}

function Answers({ api, call }: CallProps) {
  return (
    <dl class="facts-list">
      {Object.entries(call.responses).map(([status, reference]) => (
        <Fragment key={status}>
          <dt>
            <code class={reference.$ref ? "is-problem" : ""}>{status}</code>
          </dt>
          <dd>
            <Answer api={api} reference={reference} />
          </dd>
        </Fragment>
      ))}
    </dl>
  );
}

function Answer({ api, reference }: { api: OpenApi; reference: Call["responses"][string] }) {
  const { description, headers, content } = resolve(api, reference);
  const names = Object.keys(headers ?? {}).filter((name) => name !== "X-Request-ID");
  return (
    <>
      <Prose words={description} />
      {names.length > 0 && <p class="kind">{text("docs.with", { headers: names.join(", ") })}</p>}
      {!reference.$ref && <Bodies api={api} content={content} />}
    </>
  );
}
