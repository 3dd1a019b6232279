// Shows the OpenAPI document of this server: what can be called, with what, and what it answers.

import { useSignal } from "@preact/signals";
import { Fragment, render } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "../../design/icons.tsx";
import { PageShell } from "../../design/page/page_shell.tsx";
import { ErrorState } from "../../design/states.tsx";
import { applyLanguage } from "../../texts/language.ts";
import { text } from "../../texts/texts.ts";
import { CallView } from "./call.tsx";
import { anchor, callsByTag, matches, type OpenApi, problemsOf } from "./openapi.ts";
import { Prose } from "./schema.tsx";

const TIMEOUT_MS = 20_000;

applyLanguage();
document.title = `${text("docs.title")} · ${text("common.brand")}`;
const place = document.getElementById("page");
if (place) render(<Docs />, place);

function Docs() {
  const api = useSignal<OpenApi | null>(null);
  const hasFailed = useSignal(false);
  const load = async () => {
    try {
      const answer = await fetch("/openapi.json", { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!answer.ok) throw new Error(`${answer.status}`);
      api.value = await answer.json();
      hasFailed.value = false;
    } catch {
      hasFailed.value = true;
    }
  };
  useEffect(() => void load(), []);
  const isBusy = !api.value && !hasFailed.value;
  return (
    <PageShell page="docs" viewer={null}>
      <div id="document" aria-busy={isBusy}>
        {isBusy && <p class="quiet">{text("common.loading")}</p>}
        {hasFailed.value && (
          <ErrorState isPage title={text("docs.notLoaded")} onRetry={() => void load()} />
        )}
        {api.value && <Document api={api.value} />}
      </div>
    </PageShell>
  );
}

function Document({ api }: { api: OpenApi }) {
  const words = useSignal("");
  const groups = [...callsByTag(api)].filter(([, calls]) => calls.length);
  useEffect(() => document.getElementById(location.hash.slice(1))?.scrollIntoView(), []);
  return (
    <div class="docs">
      <nav id="contents" aria-label={text("docs.contents")}>
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">{text("docs.find")}</span>
          <input
            type="search"
            placeholder={text("docs.find")}
            onInput={(event) => {
              words.value = event.currentTarget.value;
            }}
          />
        </label>
        <ul>
          {groups.map(([tag]) => (
            <li key={tag}>
              <a href={`#${anchor(tag)}`}>{tag}</a>
            </li>
          ))}
          <li>
            <a href="#problems">{text("docs.problems")}</a>
          </li>
        </ul>
      </nav>
      <div class="docs__content">
        <div class="lead">
          <h1>{text("docs.title")}</h1>
          <Prose words={api.info.description} />
          <p>
            <a href="/openapi.json">openapi.json</a>
          </p>
        </div>
        {groups.map(([tag, calls]) => (
          <section key={tag} id={anchor(tag)}>
            <h2>{tag}</h2>
            {calls.map((call) => (
              <CallView
                key={call.operationId + call.verb}
                api={api}
                call={call}
                isHidden={!matches(call, words.value)}
              />
            ))}
          </section>
        ))}
        <Problems api={api} />
      </div>
    </div>
  );
}

function Problems({ api }: { api: OpenApi }) {
  return (
    <section id="problems">
      <h2>{text("docs.problems")}</h2>
      <Prose words={text("docs.problemsText")} />
      <dl class="facts-list">
        {problemsOf(api).map(({ code, title, meaning }) => (
          <Fragment key={code}>
            <dt>
              <code>{code}</code>
            </dt>
            <dd>
              <span class="kind">{title}.</span> {meaning}
            </dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}
