// An error in words, with the reference that the operator can look up.

import { failureInWords, referenceOf } from "./failures.ts";

export function FailureText({ error }: { error: unknown }) {
  const reference = referenceOf(error);
  return (
    <>
      <p>{failureInWords(error)}</p>
      {reference && <p>{reference}</p>}
    </>
  );
}
