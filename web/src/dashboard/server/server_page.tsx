// The service at this moment, for who runs it: health, streams, bytes, jobs, problems, storage.

import { useEffect, useState } from "preact/hooks";
import { Chip } from "../../design/chip.tsx";
import { number, text } from "../../texts/texts.ts";
import { ratesOf, type Sample, withSample } from "../charts/rates.ts";
import { useDashboard } from "../parts/context.ts";
import { Tile, Tiles } from "../parts/tiles.tsx";
import { Freshness, Refused, Unanswered } from "../parts/trouble.tsx";
import { useFresh } from "../parts/use_fresh.ts";
import { SERVER_URL, type ServerFigures } from "../service/figures.ts";
import { PopularSection } from "./popular_section.tsx";
import { ProblemsTable } from "./problems_table.tsx";
import { StorageSection } from "./storage_section.tsx";
import { ThroughputChart } from "./throughput_chart.tsx";
import { useReadiness } from "./use_readiness.ts";

const EVERY_MS = 5_000;

export function ServerPage() {
  const { viewer } = useDashboard();
  return viewer.isPrivileged ? <Server /> : <Refused kind="server" />;
}

function Server() {
  const server = useFresh<ServerFigures>(SERVER_URL, { everyMs: EVERY_MS });
  const samples = useSamples(server.value);
  const { value: figures } = server;
  if (!figures) return <Unanswered {...server} />;
  return (
    <>
      <header class="heading">
        <div>
          <p class="crumb">
            <a href="/dashboard">{text("dashboard.title")}</a>
          </p>
          <h1>{text("dashboard.server.title")}</h1>
        </div>
        <Freshness error={server.error} />
      </header>
      <div class="figures__main">
        <Health />
        <LiveTiles figures={figures} />
        <ThroughputChart rates={ratesOf(samples)} />
        <ProblemsTable problems={figures.problems} damagedFiles={figures.damaged_files} />
        <PopularSection />
        <StorageSection />
      </div>
    </>
  );
}

/** The counters of the last minutes, since this page was opened. */
function useSamples(figures: ServerFigures | undefined): readonly Sample[] {
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  useEffect(() => {
    if (!figures) return;
    const bytes = sumOf(figures.sent_bytes);
    const sample = { atMs: Date.now(), bytes, reports: figures.reports_stored };
    setSamples((before) => withSample(before, sample));
  }, [figures]);
  return samples;
}

function Health() {
  const readiness = useReadiness();
  if (!readiness) return null;
  const faults = Object.entries(readiness.checks).filter(([, state]) => state !== "ok");
  const details = Object.entries(readiness.details ?? {});
  return (
    <section class="health" aria-label={text("dashboard.server.health")}>
      {readiness.status === "ok" ? (
        <Chip kind="ready" icon="check">
          {text("dashboard.server.ready")}
        </Chip>
      ) : (
        <Chip kind="failed" icon="alert">
          {text("dashboard.server.unready")}
        </Chip>
      )}
      <ul>
        {[...faults, ...details].map(([name, state]) => (
          <li key={`${name} ${state}`}>
            <strong>{name}</strong>: {state}
          </li>
        ))}
      </ul>
    </section>
  );
}

function LiveTiles({ figures }: { figures: ServerFigures }) {
  const { playbacks, jobs } = figures;
  return (
    <Tiles>
      <Tile
        name={text("dashboard.server.watching")}
        value={number(playbacks.playing)}
        hint={text("dashboard.server.paused", { count: playbacks.paused })}
        isLive
      />
      <Tile
        name={text("dashboard.server.transfers")}
        value={number(sumOf(figures.transfers))}
        hint={text("dashboard.server.transfersText")}
      />
      <Tile
        name={text("dashboard.server.eventStreams")}
        value={number(figures.event_streams)}
        hint={text("dashboard.server.eventsWaiting", { count: figures.events_waiting })}
      />
      <Tile
        name={text("dashboard.server.reports")}
        value={number(figures.reports_stored)}
        hint={text("dashboard.server.reportsWaiting", { count: figures.reports_waiting })}
      />
      <Tile
        name={text("dashboard.server.jobs")}
        value={number(jobs.waiting + jobs.running)}
        hint={text("dashboard.server.jobsText", { running: jobs.running, waiting: jobs.waiting })}
      />
      <Tile name={text("dashboard.server.failedJobs")} value={number(jobs.failed)} />
    </Tiles>
  );
}

function sumOf(numbers: Record<string, number>): number {
  return Object.values(numbers).reduce((sum, one) => sum + one, 0);
}
