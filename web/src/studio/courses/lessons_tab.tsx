// The modules of a course with their lessons: order, names, and files dropped into them.

import { useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { TitleDialog } from "../parts/forms.tsx";
import { identifierFor } from "../service/identifiers.ts";
import type { CourseModel } from "./course_model.ts";
import { ModuleSection } from "./module_section.tsx";
import { useMoving } from "./ordering/moving.ts";
import { lastPosition } from "./ordering/order.ts";
import { useSorting } from "./ordering/sorting.ts";

export function LessonsTab({ model, reload }: { model: CourseModel; reload: () => void }) {
  const studio = useStudio();
  const [isAdding, setAdding] = useState(false);
  const modules = model.modules.value;
  const courseId = model.course.value?.id ?? "";
  const add = async (title: string) => {
    const module = { id: identifierFor(title), title, position: lastPosition(modules) };
    await studio.api.putModule(courseId, module);
    model.reorder([...model.modules.value, { ...module, videos: [] }]);
  };
  const moving = useMoving(model, courseId, reload);
  const list = useSorting<HTMLDivElement>(".module__grip", ".module", moving.module);
  return (
    <>
      <p class="visually-hidden" role="status">
        {moving.spoken.value}
      </p>
      <div class="modules" ref={list}>
        {modules.map((module, place) => (
          <ModuleSection
            key={module.id}
            model={model}
            module={module}
            place={place}
            moving={moving}
          />
        ))}
      </div>
      {modules.length ? (
        <p class="add">
          <NewModule kind="quiet" onClick={() => setAdding(true)} />
        </p>
      ) : (
        <EmptyState
          icon="shelf"
          title={text("studio.noModules")}
          actions={<NewModule kind="plain" onClick={() => setAdding(true)} />}
        >
          {text("studio.noModulesText")}
        </EmptyState>
      )}
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

function NewModule({ kind, onClick }: { kind: "quiet" | "plain"; onClick: () => void }) {
  return (
    <Button kind={kind} onClick={onClick}>
      <Icon name="plus" />
      {text("studio.newModule")}
    </Button>
  );
}
