// Where files are dropped on a module, or chosen.

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { addFiles } from "./add_files.ts";
import { bringsFiles, chosenFiles, droppedFiles, pickFiles } from "./dropped.ts";
import { ACCEPT } from "./names.ts";
import type { DroppedFile } from "./queue.ts";

interface DropZoneProps {
  courseId: string;
  module: { id: string; title: string };
  children: ComponentChildren;
}

/** A module with its content: all of it takes files. */
export function DropZone({ courseId, module, children }: DropZoneProps) {
  const studio = useStudio();
  const [isOver, setOver] = useState(false);
  const depth = useRef(0);
  const add = (files: readonly DroppedFile[]) =>
    addFiles(studio, files, { userId: studio.userId, courseId, moduleId: module.id });
  const track = (change: number) => {
    depth.current += change;
    setOver(depth.current > 0);
  };
  return (
    <section
      class={isOver ? "module card module--target" : "module card"}
      aria-label={module.title}
      data-module={module.id}
      onDragEnter={(event) => bringsFiles(event) && track(1)}
      onDragLeave={(event) => bringsFiles(event) && track(-1)}
      onDragOver={(event) => bringsFiles(event) && event.preventDefault()}
      onDrop={(event) => {
        if (!event.dataTransfer || !bringsFiles(event)) return;
        event.preventDefault();
        depth.current = 0;
        setOver(false);
        void droppedFiles(event.dataTransfer).then(add);
      }}
    >
      {children}
      <AddVideos module={module} isOver={isOver} add={add} />
    </section>
  );
}

interface AddVideosProps {
  module: { title: string };
  isOver: boolean;
  add: (files: readonly DroppedFile[]) => Promise<void>;
}

function AddVideos({ module, isOver, add }: AddVideosProps) {
  const input = useRef<HTMLInputElement>(null);
  // The browser's own picker gives handles, by which an upload outlives the browser.
  const choose = async () => {
    const picked = await pickFiles();
    if (picked) await add(picked);
    else input.current?.click();
  };
  return (
    <div class="drop">
      <Icon name="upload" />
      <p>{isOver ? text("studio.dropNow", { name: module.title }) : text("studio.dropHere")}</p>
      <Button
        kind="quiet"
        label={text("studio.chooseFor", { name: module.title })}
        onClick={() => void choose()}
      >
        {text("studio.orChoose")}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept={ACCEPT}
        onChange={({ currentTarget }) => {
          void add(chosenFiles(currentTarget.files));
          currentTarget.value = "";
        }}
      />
    </div>
  );
}
