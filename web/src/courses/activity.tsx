// Live list of viewers and their lessons, for instructors. Bounded; the newest on top.

import { signal } from "@preact/signals";
import { clock } from "../browser/elements.ts";
import { initials } from "../design/page/initials.ts";
import { ProgressBar } from "../design/progress_bar.tsx";
import type { LiveEvent } from "../service/live.ts";
import { percent, text } from "../texts/texts.ts";

const MAX_ENTRIES = 30;
// The server calls 30 s of silence a stop, unless the viewer paused: silence for longer is a pause.
const SILENT_MS = 35_000;

type State = "watching" | "silent" | "completed" | "stopped";

const STATES: Record<string, State> = {
  "playback.started": "watching",
  "playback.progress": "watching",
  "playback.completed": "completed",
  "playback.stopped": "stopped",
};

interface Entry {
  key: string;
  userId: string;
  videoId: string;
  state: State;
  positionS: number;
  ratio: number;
}

export class Activity {
  #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly entries = signal<readonly Entry[]>([]);

  apply(type: string, event: LiveEvent) {
    const state = STATES[type];
    if (!state || event.user_id === null) return;
    const { user_id: userId, video_id: videoId, position, watched_ratio: ratio } = event;
    const key = `${userId}/${videoId}`;
    const entry = { key, userId, videoId, state, positionS: position, ratio };
    this.entries.value = [entry, ...this.#others(key)].slice(0, MAX_ENTRIES);
    clearTimeout(this.#timers.get(key));
    if (state === "watching")
      this.#timers.set(
        key,
        setTimeout(() => this.#fade(key), SILENT_MS),
      );
    else this.#timers.delete(key);
  }

  #others(key: string) {
    return this.entries.value.filter((entry) => entry.key !== key);
  }

  #fade(key: string) {
    this.#timers.delete(key);
    this.entries.value = this.entries.value.map((entry) =>
      entry.key === key ? { ...entry, state: "silent" as const } : entry,
    );
  }
}

interface ActivityPanelProps {
  activity: Activity;
  /** The title of a lesson; null where it needs no saying. */
  titleOf: (videoId: string) => string | null;
}

export function ActivityPanel({ activity, titleOf }: ActivityPanelProps) {
  const entries = activity.entries.value;
  return (
    <aside class="activity card" aria-labelledby="activity-title">
      <h2 id="activity-title">{text("activity.title")}</h2>
      {!entries.length && <p class="quiet">{text("activity.empty")}</p>}
      <ul>
        {entries.map((entry) => (
          <li key={entry.key} class={`activity__entry activity__entry--${entry.state}`}>
            <EntryView entry={entry} title={titleOf(entry.videoId)} />
          </li>
        ))}
      </ul>
    </aside>
  );
}

function EntryView({ entry, title }: { entry: Entry; title: string | null }) {
  return (
    <>
      <span class="avatar" aria-hidden="true">
        {initials(entry.userId)}
      </span>
      <span class="activity__words">
        <span class="activity__who">{entry.userId}</span>
        <span class="quiet number">{place(entry)}</span>
        {title && (
          <span class="activity__what quiet" dir="auto">
            {title}
          </span>
        )}
        <ProgressBar
          value={entry.ratio ?? 0}
          label={text("activity.seen", { share: percent(entry.ratio) })}
        />
      </span>
    </>
  );
}

function place({ state, positionS }: Entry): string {
  const time = clock(positionS);
  if (state === "completed") return text("activity.seenAll");
  if (state === "stopped") return text("activity.stoppedAt", { time });
  return text(state === "silent" ? "activity.wasAt" : "activity.at", { time });
}
