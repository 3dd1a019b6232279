// The queue of uploads at the edge of every page of the studio.

import { useSignal } from "@preact/signals";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { showToast } from "../../design/overlays/toasts.tsx";
import { ProgressBar } from "../../design/progress_bar.tsx";
import { bytes, text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { FileButton } from "../parts/file_button.tsx";
import { videoAddress } from "../service/routes.ts";
import { isOver, type Job, mayResume, ratioOf } from "./job.ts";
import { ACCEPT } from "./names.ts";
import { stateInWords } from "./words.ts";

export function UploadPanel() {
  const { queue } = useStudio();
  const isFolded = useSignal(false);
  const jobs = queue.jobs.value;
  if (!jobs.length) return null;
  const left = jobs.filter((job) => !isOver(job)).length;
  return (
    <section class="uploads card" aria-label={text("studio.uploads")}>
      <header>
        <button
          type="button"
          class="uploads__title"
          aria-expanded={!isFolded.value}
          onClick={() => {
            isFolded.value = !isFolded.value;
          }}
        >
          <Icon name="chevron" />
          <span role="status">{titleOf(jobs, left)}</span>
        </button>
        {jobs.some(isOver) && (
          <Button kind="quiet" onClick={() => queue.clear()}>
            {text("studio.clearDone")}
          </Button>
        )}
      </header>
      {!isFolded.value && (
        <>
          <ul>
            {jobs.map((job) => (
              <JobRow key={job.id} job={job} />
            ))}
          </ul>
          {left > 0 && <p class="uploads__hint quiet">{text("studio.uploadsHint")}</p>}
        </>
      )}
    </section>
  );
}

function titleOf(jobs: readonly Job[], left: number): string {
  const refused = jobs.filter(({ state }) => state === "refused").length;
  if (left) return text("studio.uploadsQuiet", { count: left });
  if (refused) return text("studio.uploadsRefused", { count: refused });
  return text("studio.uploadsDone");
}

function JobRow({ job }: { job: Job }) {
  const { state, title, videoId } = job;
  const isStopped = state === "refused" || state === "lost";
  return (
    <li class={isStopped ? "job job--stopped" : "job"} data-state={state}>
      <div class="job__words">
        {videoId ? (
          <a href={videoAddress(videoId)}>
            <bdi>{title}</bdi>
          </a>
        ) : (
          <strong>
            <bdi>{title}</bdi>
          </strong>
        )}
        <span class="quiet number">{stateInWords(job)}</span>
      </div>
      <JobActions job={job} />
      {!isOver(job) && (
        <ProgressBar value={ratioOf(job)} label={text("studio.upload", { name: title })} />
      )}
    </li>
  );
}

function JobActions({ job }: { job: Job }) {
  const { queue } = useStudio();
  const { id, state, title, trouble } = job;
  const needsFile = state === "lost" && trouble?.code === "file-gone";
  const isGoing = state === "queued" || state === "sending" || state === "waiting";
  return (
    <div class="job__actions">
      {isGoing && (
        <Button
          kind="icon"
          label={text("studio.pauseThing", { name: title })}
          onClick={() => queue.pause(id)}
        >
          <Icon name="pause" />
        </Button>
      )}
      {mayResume(job) && (
        <Button
          kind="icon"
          label={text("studio.resumeThing", { name: title })}
          onClick={() => void queue.resume(id)}
        >
          <Icon name="play" />
        </Button>
      )}
      {needsFile && <ChooseAgain job={job} />}
      <Button
        kind="icon"
        label={text(isOver(job) ? "studio.hideThing" : "studio.cancelThing", { name: title })}
        onClick={() => void queue.cancel(id)}
      >
        <Icon name="close" />
      </Button>
    </div>
  );
}

function ChooseAgain({ job }: { job: Job }) {
  const { queue } = useStudio();
  const { id, title, filename: name, size } = job;
  const give = async (files: FileList) => {
    const isRight = await queue.give(id, { file: files[0] as File, handle: null });
    const message = text("studio.otherFile", { name, size: bytes(size) });
    if (!isRight) showToast({ message, tone: "bad" });
  };
  return (
    <FileButton
      label={text("studio.chooseAgainThing", { name: title })}
      accept={ACCEPT}
      choose={(files) => void give(files)}
    >
      {text("studio.chooseAgain")}
    </FileButton>
  );
}
