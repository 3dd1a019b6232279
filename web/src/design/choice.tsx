// One of a few, side by side.

import { useId, useState } from "preact/hooks";

interface ChoiceProps<Name extends string> {
  label: string;
  names: readonly Name[];
  current: Name;
  titleOf: (name: Name) => string;
  choose: (name: Name) => void;
}

export function Choice<Name extends string>(props: ChoiceProps<Name>) {
  const id = useId();
  const [, redraw] = useState(0); // where the choice was refused, the browser has moved the mark
  const choose = (name: Name) => {
    props.choose(name);
    redraw((times) => times + 1);
  };
  return (
    <fieldset class="choice">
      <legend class="visually-hidden">{props.label}</legend>
      <div class="choice__options">
        {props.names.map((name) => (
          <label key={name}>
            <input
              type="radio"
              name={id}
              checked={name === props.current}
              onChange={() => choose(name)}
            />
            {props.titleOf(name)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
