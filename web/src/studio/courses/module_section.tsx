// One module: its handle and menu, its lessons, and the place where files are dropped.

import { useState } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { attempt } from "../parts/failures.ts";
import { Confirm, TitleDialog } from "../parts/forms.tsx";
import { Menu } from "../parts/menu.tsx";
import { offerUndo } from "../parts/undo_offer.ts";
import type { ModuleWithLessons } from "../service/answers.ts";
import { DropZone } from "../uploads/drop_zone.tsx";
import type { CourseModel } from "./course_model.ts";
import { LessonRow } from "./lesson_row.tsx";
import { Grip } from "./ordering/grip.tsx";
import type { Moving } from "./ordering/moving.ts";
import { placeItems } from "./ordering/place_items.ts";
import { useSorting } from "./ordering/sorting.ts";
import { bringBack } from "./undo.ts";

interface ModuleSectionProps {
  model: CourseModel;
  module: ModuleWithLessons;
  place: number;
  moving: Moving;
}

export function ModuleSection({ model, module, place, moving }: ModuleSectionProps) {
  const { api } = useStudio();
  const move = (to: number) => moving.module(place, to);
  const [asked, setAsked] = useState<"rename" | "delete" | null>(null);
  const courseId = model.course.value?.id ?? "";
  const close = () => setAsked(null);
  const show = (change: (modules: readonly ModuleWithLessons[]) => ModuleWithLessons[]) =>
    model.reorder(change(model.modules.value));
  const rename = async (title: string) => {
    await api.renameModule(courseId, module.id, title);
    show((all) => all.map((one) => (one.id === module.id ? { ...one, title } : one)));
  };
  const undo = async () => {
    const isBack = await attempt(() => bringBack(api, { id: courseId, title: "" }, [module]));
    if (isBack) await attempt(async () => model.show(await api.course(courseId)));
  };
  const remove = async () => {
    if (!(await attempt(() => api.deleteModule(courseId, module.id)))) return;
    show((all) => all.filter(({ id }) => id !== module.id));
    offerUndo(text("studio.deleted", { name: module.title }), undo);
  };
  return (
    <DropZone courseId={courseId} module={module}>
      <header class="module__head">
        <Grip class="module__grip" name={module.title} place={place} move={move} />
        <h2>
          <bdi>{module.title}</bdi>
        </h2>
        <span class="quiet number">{text("studio.lessons", { count: module.videos.length })}</span>
        <ModuleMenu
          module={module}
          place={place}
          count={model.modules.value.length}
          move={move}
          ask={setAsked}
        />
      </header>
      {module.videos.length > 0 && <Lessons model={model} module={module} moving={moving} />}
      {asked === "rename" && (
        <TitleDialog
          heading={text("studio.renameModule")}
          title={module.title}
          action={text("common.save")}
          save={rename}
          onClose={close}
        />
      )}
      {asked === "delete" && (
        <Confirm
          title={text("studio.deleteModuleTitle", { name: module.title })}
          action={text("studio.deleteModule")}
          run={() => void remove()}
          onClose={close}
        >
          {text("studio.deleteModuleText", { count: module.videos.length })}
        </Confirm>
      )}
    </DropZone>
  );
}

function Lessons({ model, module, moving }: Omit<ModuleSectionProps, "place">) {
  const move = (from: number, to: number) => moving.lesson(module, from, to);
  const list = useSorting<HTMLUListElement>(".lesson__grip", ".lesson", move);
  return (
    <ul class="lessons" ref={list}>
      {module.videos.map((lesson, place) => (
        <LessonRow
          key={lesson.id}
          model={model}
          lesson={lesson}
          place={place}
          count={module.videos.length}
          move={(to) => move(place, to)}
        />
      ))}
    </ul>
  );
}

interface ModuleMenuProps {
  module: ModuleWithLessons;
  place: number;
  count: number;
  move: (to: number) => void;
  ask: (what: "rename" | "delete") => void;
}

function ModuleMenu({ module, place, count, move, ask }: ModuleMenuProps) {
  return (
    <Menu
      label={text("studio.more", { name: module.title })}
      items={[
        { label: text("studio.rename"), icon: "pencil", run: () => ask("rename") },
        ...placeItems(place, count, move),
        {
          label: text("studio.deleteModule"),
          icon: "trash",
          run: () => ask("delete"),
          isDangerous: true,
        },
      ]}
    />
  );
}
