// What stands on a page for someone without a session: why, and the way to one.

import { useEffect, useState } from "preact/hooks";
import { ButtonLink } from "../design/button.tsx";
import { Icon } from "../design/icons.tsx";
import { sendJson } from "../service/client.ts";
import { text } from "../texts/texts.ts";
import type { Absence } from "./session.ts";
import { rememberWanted } from "./wanted.ts";

const COMMAND = ["run_server.py", "token", "--user", "maria"].join(" ");

export function SignIn({ reason }: { reason: Absence }) {
  const [signInUrl, setSignInUrl] = useState<string | null>(null);
  useEffect(() => {
    rememberWanted(location.pathname);
    void askSignInUrl().then(setSignInUrl);
  }, []);
  return (
    <section class="sign-in card">
      <span class="state__icon">
        <Icon name="door" />
      </span>
      <h1>{title(reason)}</h1>
      <p>
        {text("signIn.explanation")} {location.pathname !== "/" && text("signIn.back")}
      </p>
      {signInUrl && <ButtonLink href={signInUrl}>{text("signIn.toSite")}</ButtonLink>}
      <p class="quiet">{text("signIn.again")}</p>
      <ForOperators />
    </section>
  );
}

/** Where the operator's site signs people in; null where none is named. */
async function askSignInUrl(): Promise<string | null> {
  const asked = sendJson<{ sign_in_url: string | null }>("GET", "/page-settings.json");
  return asked.then(
    ({ sign_in_url: url }) => url,
    () => null,
  );
}

function title(reason: Absence): string {
  if (reason === "ended") return text("signIn.ended");
  return text(reason === "signed-out" ? "signIn.signedOut" : "signIn.title");
}

function ForOperators() {
  const page = location.origin + location.pathname;
  const command = `${COMMAND}\n${page}#token=…`;
  return (
    <details>
      <summary>{text("signIn.operators")}</summary>
      <p>{text("signIn.makeToken")}</p>
      <pre>
        <code>{command}</code>
      </pre>
      <p>{text("signIn.deepLink")}</p>
      <pre>
        <code>{`${location.origin}/watch/…#token=…`}</code>
      </pre>
    </details>
  );
}
