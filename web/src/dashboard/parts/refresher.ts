// Reads again when something happened, but never more often than once in a while: a course that
// watches makes more events than anybody could read.

export class Refresher {
  #run: () => Promise<void>;
  #everyMs: number;
  #isRunning = false;
  #isAsked = false;
  #endedMs = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** `run` never rejects. */
  constructor(run: () => Promise<void>, everyMs: number) {
    this.#run = run;
    this.#everyMs = everyMs;
  }

  /** Run soon: at once after a quiet while. */
  ask() {
    this.#isAsked = true;
    if (this.#isRunning || this.#timer !== null) return;
    const waitMs = Math.max(0, this.#endedMs + this.#everyMs - Date.now());
    this.#timer = setTimeout(() => void this.#go(), waitMs);
  }

  stop() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#isAsked = false;
  }

  async #go() {
    this.#timer = null;
    this.#isAsked = false;
    this.#isRunning = true;
    await this.#run();
    this.#isRunning = false;
    this.#endedMs = Date.now();
    if (this.#isAsked) this.ask();
  }
}
