// The modules of a course with their lessons: order, names, and files dropped into them.

import { useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import Sortable from "sortablejs";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { showFailure } from "../parts/failures.ts";
import { TitleDialog } from "../parts/forms.tsx";
import { identifierFor } from "../service/identifiers.ts";
import type { CourseModel } from "./course_model.ts";
import { ModuleSection } from "./module_section.tsx";
import { lastPosition, moved, placements } from "./order.ts";

export function LessonsTab({ model, reload }: { model: CourseModel; reload: () => void }) {
  const studio = useStudio();
  const [isAdding, setAdding] = useState(false);
  const spoken = useSignal("");
  const modules = model.modules.value;
  const courseId = model.course.value?.id ?? "";
  const add = async (title: string) => {
    const module = { id: identifierFor(title), title, position: lastPosition(modules) };
    await studio.api.putModule(courseId, module);
    model.reorder([...model.modules.value, { ...module, videos: [] }]);
  };
  const move = async (from: number, to: number) => {
    const module = model.modules.value[from];
    if (!module || to < 0 || to >= model.modules.value.length || from === to) return;
    const order = moved(model.modules.value, from, to);
    const changed = new Map(placements(order, module.id).map((one) => [one.id, one.position]));
    const placed = order.map((one) => ({ ...one, position: changed.get(one.id) ?? one.position }));
    model.reorder(placed);
    spoken.value = text("studio.movedTo", {
      name: module.title,
      place: to + 1,
      all: order.length,
    });
    try {
      for (const one of placed) if (changed.has(one.id)) await studio.api.putModule(courseId, one);
    } catch (error) {
      showFailure(error);
      reload();
    }
  };
  const list = useSorting((from, to) => void move(from, to));
  return (
    <>
      <p class="visually-hidden" role="status">
        {spoken.value}
      </p>
      <div class="modules" ref={list}>
        {modules.map((module, place) => (
          <ModuleSection
            key={module.id}
            model={model}
            module={module}
            place={place}
            move={(to) => void move(place, to)}
          />
        ))}
      </div>
      {!modules.length && (
        <EmptyState icon="shelf" title={text("studio.noModules")}>
          {text("studio.noModulesText")}
        </EmptyState>
      )}
      <p class="add">
        <Button kind={modules.length ? "quiet" : "plain"} onClick={() => setAdding(true)}>
          <Icon name="plus" />
          {text("studio.newModule")}
        </Button>
      </p>
      {isAdding && (
        <TitleDialog
          heading={text("studio.newModule")}
          hint={text("studio.newModuleHint")}
          action={text("studio.create")}
          save={add}
          onClose={() => setAdding(false)}
        />
      )}
    </>
  );
}

/** Dragging by the handle. Sortable moves the element; it is put back, and the model moves it. */
function useSorting(move: (from: number, to: number) => void) {
  const list = useRef<HTMLDivElement>(null);
  const current = useRef(move);
  current.current = move;
  useEffect(() => {
    if (!list.current) return;
    const sortable = Sortable.create(list.current, {
      handle: ".grip",
      draggable: ".module",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150,
      onEnd({ item, from, oldIndex, newIndex }) {
        if (oldIndex === undefined || newIndex === undefined) return;
        const others = [...from.children].filter((child) => child !== item);
        from.insertBefore(item, others[oldIndex] ?? null);
        current.current(oldIndex, newIndex);
      },
    });
    return () => sortable.destroy();
  }, []);
  return list;
}
