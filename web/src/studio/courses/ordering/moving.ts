// Moving modules in their course, and lessons in their module: shown and announced at once, and
// stored one order after the other.

import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { text } from "../../../texts/texts.ts";
import { useStudio } from "../../parts/context.ts";
import { showFailure } from "../../parts/failures.ts";
import type { ModuleWithLessons, Placed } from "../../service/answers.ts";
import type { CourseModel } from "../course_model.ts";
import { moved } from "./order.ts";

export interface Moving {
  /** The last move, for screen readers. */
  spoken: Signal<string>;
  module(from: number, to: number): void;
  lesson(module: ModuleWithLessons, from: number, to: number): void;
}

/** `reload` is called when an order could not be stored. */
export function useMoving(model: CourseModel, courseId: string, reload: () => void): Moving {
  const { api } = useStudio();
  const spoken = useSignal("");
  const stored = useRef(Promise.resolve());
  const newest = useRef(new Map<string, object>()); // by list: only its last order is sent
  const announce = (order: readonly { title: string }[], to: number) => {
    const name = order[to]?.title ?? "";
    spoken.value = text("studio.movedTo", { name, place: to + 1, all: order.length });
  };
  const store = (list: string, put: () => Promise<Placed[]>) => {
    const turn = {};
    newest.current.set(list, turn);
    const done = model.holdPlaces();
    stored.current = stored.current
      .then(async () => {
        if (newest.current.get(list) === turn) model.takePlaces(await put());
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
      const order = moved(model.modules.value, from, to);
      if (!order) return;
      model.reorder(order);
      announce(order, to);
      store("", () => api.orderModules(courseId, idsOf(order)));
    },
    lesson(module, from, to) {
      const order = moved(module.videos, from, to);
      if (!order) return;
      model.reorderLessons(module.id, order);
      announce(order, to);
      store(module.id, () => api.orderLessons(module.id, idsOf(order)));
    },
  };
}

function idsOf(things: readonly Placed[]): string[] {
  return things.map(({ id }) => id);
}
