// Readiness of the service, whose answer is worth reading whatever its status.

import { useEffect, useState } from "preact/hooks";
import type { Readiness } from "../service/figures.ts";

const EVERY_MS = 15_000;
const TIMEOUT_MS = 10_000;

/** Null while unknown. */
export function useReadiness(): Readiness | null {
  const [readiness, setReadiness] = useState<Readiness | null>(null);
  useEffect(() => {
    const read = () => readReadiness().then(setReadiness, () => setReadiness(null));
    void read();
    const timer = setInterval(() => void read(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return readiness;
}

async function readReadiness(): Promise<Readiness> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return (await fetch("/readyz", { signal, cache: "no-store" })).json();
}
