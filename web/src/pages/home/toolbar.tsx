// The heading of the courses, with the search and the filter.

import type { Signal } from "@preact/signals";
import { Icon } from "../../design/icons.tsx";
import { text } from "../../texts/texts.ts";
import { FILTERS, type Filter } from "./search.ts";

interface ToolbarProps {
  words: Signal<string>;
  filter: Signal<Filter>;
}

export function Toolbar({ words, filter }: ToolbarProps) {
  return (
    <div class="toolbar">
      <h1>{text("home.welcome")}</h1>
      <search class="toolbar__search">
        <label class="search">
          <Icon name="search" />
          <span class="visually-hidden">{text("home.search")}</span>
          <input
            type="search"
            dir="auto"
            placeholder={text("home.search")}
            value={words.value}
            onInput={(event) => {
              words.value = event.currentTarget.value;
            }}
          />
        </label>
        <fieldset class="choice">
          <legend class="visually-hidden">{text("home.filter")}</legend>
          <div class="choice__options">
            {FILTERS.map((one) => (
              <label key={one}>
                <input
                  type="radio"
                  name="filter"
                  checked={one === filter.value}
                  onChange={() => {
                    filter.value = one;
                  }}
                />
                {text(`home.filters.${one}`)}
              </label>
            ))}
          </div>
        </fieldset>
      </search>
    </div>
  );
}
