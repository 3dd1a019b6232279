// Lessons that match the search and the filter, by course.

import type { Signal } from "@preact/signals";
import { LessonList } from "../../courses/lesson_list.tsx";
import type { Outline } from "../../courses/outline.ts";
import { Button } from "../../design/button.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { type Filter, find } from "./search.ts";
import type { Shelf } from "./shelf.ts";

interface ResultsProps {
  shelf: Shelf;
  courses: readonly Outline[];
  words: Signal<string>;
  filter: Signal<Filter>;
}

export function Results({ shelf, courses, words, filter }: ResultsProps) {
  const found = find(courses, words.value, filter.value, (course) => shelf.isTaught(course));
  const count = found.reduce((sum, { lessons }) => sum + lessons.length, 0);
  const showAll = () => {
    words.value = "";
    filter.value = "all";
  };
  return (
    <div class="results">
      <p class={count ? "quiet" : "visually-hidden"} role="status">
        {text("home.found", { count })}
      </p>
      {!count && <NothingFound showAll={showAll} />}
      {found.map(({ course, lessons }) => (
        <section key={course.id} class="module" aria-labelledby={`found-${course.id}`}>
          <h2 id={`found-${course.id}`}>
            <bdi>{course.title}</bdi>
          </h2>
          <LessonList lessons={lessons} api={shelf.api} isTaught={shelf.isTaught(course)} />
        </section>
      ))}
    </div>
  );
}

function NothingFound({ showAll }: { showAll: () => void }) {
  return (
    <EmptyState
      icon="search"
      title={text("home.nothingFound")}
      actions={
        <Button kind="quiet" onClick={showAll}>
          {text("home.showEverything")}
        </Button>
      }
    >
      {text("home.nothingFoundText")}
    </EmptyState>
  );
}
