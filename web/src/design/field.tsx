// A labelled control of a form, with a hint and what is wrong with its value.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Control {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": true | undefined;
}

interface FieldProps {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  /** Draws the control, which has to take these attributes. */
  control: (attributes: Control) => ComponentChildren;
}

/** Any control: `<Field label="…" control={(attributes) => <select {...attributes}>…</select>} />`. */
export function Field({ label, hint, error, control }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {control({
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {hint && (
        <p class="field__hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="field__error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

interface TextFieldProps extends Omit<FieldProps, "control"> {
  value: string;
  onInput: (value: string) => void;
  name?: string;
  placeholder?: string | undefined;
  maxLength?: number;
  required?: boolean;
}

/** One line of text. */
export function TextField({ label, hint, error, onInput, ...input }: TextFieldProps) {
  const tell = teller(onInput);
  return (
    <Field
      label={label}
      hint={hint}
      error={error}
      control={(attributes) => (
        <input type="text" dir="auto" onInput={tell} {...input} {...attributes} />
      )}
    />
  );
}

interface MomentFieldProps {
  label: string;
  type: "date" | "time";
  value: string;
  onInput: (value: string) => void;
  name: string;
  disabled?: boolean;
}

/** A day or a time of day, as text. */
export function MomentField({ label, onInput, ...input }: MomentFieldProps) {
  const tell = teller(onInput);
  return (
    <Field
      label={label}
      control={(attributes) => <input onInput={tell} {...input} {...attributes} />}
    />
  );
}

function teller(onInput: (value: string) => void) {
  return (event: { currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value);
}
