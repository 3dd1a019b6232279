// Playback sessions in words.

import { clock } from "../../browser/elements.ts";
import type { ChipKind } from "../../design/chip.tsx";
import { bytes, number, text } from "../../texts/texts.ts";
import type { Moment, SessionQuality } from "../service/sessions.ts";

const CAUSES = [
  "viewer-line",
  "viewer-device",
  "proxy",
  "edge",
  "server-disk",
  "limit",
  "server-busy",
  "gone",
  "unknown",
] as const;

const AT_A_PLACE = ["started", "paused", "seeked", "completed", "stopped"] as const;

const WAITS = ["waited_for_client_s", "waited_for_disk_s", "paced_s", "late_s"] as const;

/** The sentence of a cause; null for one that came after this page. */
export function causeOf(cause: string | null): string | null {
  if (cause === null) return text("dashboard.sessions.causes.none");
  const known = CAUSES.find((one) => one === cause);
  return known ? text(`dashboard.sessions.causes.${known}`) : null;
}

export function deviceOf(quality: SessionQuality | null): string {
  if (!quality) return "–";
  const { device, browser } = quality;
  const names = [device, browser].filter((name) => name !== "other" && name !== "unknown");
  return names.map(deviceName).join(", ") || text("dashboard.quality.unknown");
}

function deviceName(name: string): string {
  if (name !== "desktop" && name !== "phone" && name !== "tablet" && name !== "tv") return name;
  return text(`dashboard.quality.devices.${name}`);
}

/** How often it waited, and for how long in all. */
export function stallsOf(quality: SessionQuality | null): string {
  if (!quality) return "–";
  const { stalls: count, stalled_seconds: waited } = quality;
  return count ? text("dashboard.sessions.stalled", { count, time: seconds(waited) }) : "0";
}

export function toneOf({ kind }: Moment): ChipKind {
  if (kind === "error" || kind === "refused") return "failed";
  return kind === "stalled" || kind === "frames-dropped" ? "waiting" : "plain";
}

export function sayMoment(moment: Moment): string {
  const { kind } = moment;
  const place = clock(moment.position ?? 0);
  const plain = AT_A_PLACE.find((one) => one === kind);
  if (plain) return text(`dashboard.sessions.moments.${plain}`, { place });
  if (kind === "shown")
    return text("dashboard.sessions.moments.shown", {
      time: seconds((moment.startup_ms ?? 0) / 1000),
    });
  if (kind === "stalled") {
    const time = seconds((moment.stalled_ms ?? 0) / 1000);
    if (moment.position === undefined)
      return text(`dashboard.sessions.moments.${moment.stalled_ms ? "waited" : "starved"}`, {
        time,
      });
    return text("dashboard.sessions.moments.stalled", { place, time });
  }
  if (kind === "frames-dropped")
    return text("dashboard.sessions.moments.dropped", { count: moment.frames ?? 0, place });
  if (kind === "error")
    return text("dashboard.sessions.moments.error", { place, message: moment.message ?? "" });
  if (kind === "served") return sayServed(moment);
  if (kind === "refused")
    return text("dashboard.sessions.moments.refused", { code: moment.code ?? "" });
  return kind;
}

/** What was sent, and each wait that lasted at all. */
function sayServed(moment: Moment): string {
  const sent = { size: bytes(moment.bytes ?? 0), time: seconds(moment.seconds ?? 0) };
  const waits = WAITS.filter((name) => (moment[name] ?? 0) > 0).map((name) =>
    text(`dashboard.sessions.waits.${name}`, { time: seconds(moment[name] ?? 0) }),
  );
  const way = moment.to === "edge" ? "servedEdge" : "served";
  return [text(`dashboard.sessions.moments.${way}`, sent), ...waits].join(" · ");
}

function seconds(count: number): string {
  return text("dashboard.quality.secondsShort", { seconds: number(count, 1) });
}
