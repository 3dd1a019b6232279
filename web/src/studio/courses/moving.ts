// Moving modules in their course, and lessons in their module: shown and announced at once, and
// stored one move after the other.

import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { showFailure } from "../parts/failures.ts";
import type { ModuleWithLessons } from "../service/answers.ts";
import type { CourseModel } from "./course_model.ts";
import { rearranged } from "./order.ts";

export interface Moving {
  /** The last move, for screen readers. */
  spoken: Signal<string>;
  module(from: number, to: number): void;
  lesson(module: ModuleWithLessons, from: number, to: number): void;
}

/** `reload` is called when a move could not be stored. */
export function useMoving(model: CourseModel, courseId: string, reload: () => void): Moving {
  const { api } = useStudio();
  const spoken = useSignal("");
  const stored = useRef(Promise.resolve());
  const announce = (order: readonly { title: string }[], to: number) => {
    const name = order[to]?.title ?? "";
    spoken.value = text("studio.movedTo", { name, place: to + 1, all: order.length });
  };
  const store = <T>(changed: readonly T[], put: (one: T) => Promise<unknown>) => {
    const done = model.holdPlaces();
    stored.current = stored.current
      .then(async () => {
        for (const one of changed) await put(one);
      })
      .catch((error: unknown) => {
        showFailure(error);
        reload();
      })
      .finally(done);
  };
  return {
    spoken,
    module(from, to) {
      const move = rearranged(model.modules.value, from, to);
      if (!move) return;
      model.reorder(move.order);
      announce(move.order, to);
      store(move.changed, (one) => api.putModule(courseId, one));
    },
    lesson(module, from, to) {
      const move = rearranged(module.videos, from, to);
      if (!move) return;
      model.reorderLessons(module.id, move.order);
      announce(move.order, to);
      store(move.changed, async ({ id, position }) => model.put(await api.place(id, position)));
    },
  };
}
