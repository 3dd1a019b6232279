// The first page while its courses are on their way, in the sizes that they will have.

import { text } from "../../texts/texts.ts";

const CARDS = [1, 2, 3];

export function Skeleton() {
  return (
    <div class="home" aria-busy="true">
      <p class="visually-hidden" role="status">
        {text("common.loading")}
      </p>
      <div class="home__main" aria-hidden="true">
        <div class="hero card">
          <span class="picture skeleton" />
          <div class="hero__words">
            <span class="skeleton skeleton--line" />
            <span class="skeleton skeleton--title" />
            <span class="skeleton skeleton--button" />
          </div>
        </div>
        <div class="toolbar">
          <span class="skeleton skeleton--title" />
          <span class="skeleton skeleton--button" />
        </div>
        <ul class="course-cards">
          {CARDS.map((card) => (
            <li key={card} class="course-card card">
              <span class="picture skeleton" />
              <div class="course-card__words">
                <span class="skeleton skeleton--title" />
                <span class="skeleton skeleton--line" />
              </div>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
