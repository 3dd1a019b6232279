// The way in which one source is fed to the <video> element. A file is left to the browser.

import type { ApiError } from "../service/client.ts";
import type { QualityChoice, Rung } from "./qualities.ts";

export interface EngineHooks {
  /** The rungs are known. */
  ready(): void;
  switched(rung: Rung | null): void;
  failed(error: ApiError): void;
}

/** What an engine knows of the line: bits a second, and the last refusal's status (0: none). */
export interface Line {
  bits: number | null;
  status: number;
}

export interface Engine {
  readonly rungs: Rung[];
  readonly line: Line;
  /** Go on by the address of a renewed grant. */
  follow(url: string): void;
  /** False when the source has to be loaded anew for that. */
  choose(choice: QualityChoice): boolean;
  close(): void;
}
