// One playback session: in a sentence why it stalled, its figures, and what happened when.

import { useEffect } from "preact/hooks";
import { Chip } from "../../design/chip.tsx";
import { Icon } from "../../design/icons.tsx";
import { ApiError } from "../../service/client.ts";
import { dateTime, number, text, timeSum, timeZone } from "../../texts/texts.ts";
import { Tile, Tiles } from "../parts/tiles.tsx";
import { Missing, Unanswered } from "../parts/trouble.tsx";
import { useFresh } from "../parts/use_fresh.ts";
import { pictureHeight, startupTime } from "../quality/words.ts";
import { sessionsAddress } from "../service/routes.ts";
import { type SessionQuality, type SessionTimeline, sessionUrl } from "../service/sessions.ts";
import { Timeline } from "./timeline.tsx";
import { causeOf, deviceOf, stallsOf } from "./words.ts";

const EVERY_MS = 10_000;

export function SessionPage({ sessionId, userId }: { sessionId: string; userId: string }) {
  const session = useFresh<SessionTimeline>(sessionUrl(sessionId, userId), { everyMs: EVERY_MS });
  const { value } = session;
  useEffect(() => {
    if (value) document.title = `${value.title} · ${text("dashboard.sessions.title")}`;
  }, [value]);
  if (!value && session.error instanceof ApiError && session.error.status === 403)
    return <Missing />; // of somebody else, or of nobody: which of the two is not told
  if (!value) return <Unanswered {...session} />;
  return (
    <>
      <header class="heading">
        <div>
          <p class="crumb">
            <a href={sessionsAddress({ userId, day: "" })}>{text("dashboard.sessions.title")}</a>
          </p>
          <h1>
            <bdi>{value.title}</bdi>
          </h1>
          <p class="quiet">
            {text("dashboard.sessions.by", {
              user: value.user_id,
              time: dateTime(value.started_at),
            })}{" "}
            · {text("dashboard.sessions.zone", { zone: timeZone() })}
          </p>
        </div>
      </header>
      <div class="figures__main">
        <Verdict session={value} />
        {value.quality && <Measures quality={value.quality} />}
        <Timeline moments={value.timeline} />
      </div>
    </>
  );
}

/** What is known of the cause; in English where this page knows no words for it. */
function Verdict({ session: { cause, sentence } }: { session: SessionTimeline }) {
  const known = causeOf(cause);
  return (
    <section class="card verdict" aria-label={text("dashboard.sessions.verdict")}>
      <Icon name={cause === null ? "check" : "alert"} />
      <p lang={known ? undefined : "en"}>{known ?? sentence}</p>
    </section>
  );
}

function Measures({ quality }: { quality: SessionQuality }) {
  return (
    <>
      <Tiles>
        <Tile name={text("dashboard.quality.startup")} value={startupTime(quality.startup_ms)} />
        <Tile name={text("dashboard.sessions.stalls")} value={stallsOf(quality)} />
        <Tile
          name={text("dashboard.metrics.watched")}
          value={timeSum(quality.played_seconds)}
          hint={text("dashboard.sessions.playedHint")}
        />
        <Tile name={text("dashboard.sessions.picture")} value={pictureHeight(quality.height)} />
        <Tile name={text("dashboard.sessions.dropped")} value={number(quality.dropped_frames)} />
        <Tile name={text("dashboard.sessions.device")} value={deviceOf(quality)} />
      </Tiles>
      {quality.has_error && (
        <p>
          <Chip kind="failed" icon="alert">
            {text("dashboard.sessions.hadError")}
          </Chip>
        </p>
      )}
    </>
  );
}
