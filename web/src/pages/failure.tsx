// An error in words: the server's own, with the reference that its operator can look up.

import { ApiError } from "../service/client.ts";
import { text } from "../texts/texts.ts";

export function FailureText({ error }: { error: unknown }) {
  if (!(error instanceof ApiError)) return <p>{text("errors.unexpected")}</p>;
  const { status, message, reference } = error;
  return (
    <>
      <p>{status === 0 ? text("errors.noConnection") : message}</p>
      {status >= 500 && reference && <p>{text("common.reference", { reference })}</p>}
    </>
  );
}
