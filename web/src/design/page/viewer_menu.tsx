// Who is signed in, and the choices of theirs that hold on every page: language, scheme, sign out.

import { useId, useRef, useState } from "preact/hooks";
import { keepPreferences, readPreferences, SCHEMES } from "../../browser/preferences.ts";
import { LANGUAGES } from "../../texts/language.ts";
import { languageName, text } from "../../texts/texts.ts";
import { Button } from "../button.tsx";
import { Field } from "../field.tsx";
import { Icon } from "../icons.tsx";
import { useClosing } from "../overlays/closing.ts";
import { initials } from "./initials.ts";
import { applyScheme } from "./scheme.ts";

export interface ShownViewer {
  userId: string;
  name: string;
}

interface ViewerMenuProps {
  viewer: ShownViewer | null;
  onSignOut: (() => void) | undefined;
}

export function ViewerMenu({ viewer, onSignOut }: ViewerMenuProps) {
  const [isOpen, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useClosing(isOpen, place, (isByKey) => {
    setOpen(false);
    if (isByKey) button.current?.focus();
  });
  return (
    <div class="viewer" ref={place}>
      <button
        ref={button}
        type="button"
        class="viewer__button"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        {viewer ? <Signed {...viewer} /> : <Icon name="gear" />}
        <span class="visually-hidden">{text(viewer ? "common.account" : "common.settings")}</span>
        <Icon name="chevron" />
      </button>
      {isOpen && (
        <div class="viewer__menu" id={id}>
          {viewer && <Who {...viewer} />}
          <LanguageChoice />
          <SchemeChoice />
          {viewer && (
            <a class="button button--quiet" href="/dashboard/sessions">
              <Icon name="clock" />
              {text("common.ownSessions")}
            </a>
          )}
          {viewer && onSignOut && (
            <Button kind="quiet" onClick={onSignOut}>
              <Icon name="door" />
              {text("common.signOut")}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

function Signed({ name }: ShownViewer) {
  return (
    <>
      <span class="avatar" aria-hidden="true">
        {initials(name)}
      </span>
      <span class="viewer__name" dir="auto">
        {name}
      </span>
    </>
  );
}

function Who({ name, userId }: ShownViewer) {
  return (
    <p class="viewer__who">
      <strong>
        <bdi>{name}</bdi>
      </strong>
      {name !== userId && <span class="quiet">{userId}</span>}
    </p>
  );
}

function LanguageChoice() {
  const choose = (language: string) => {
    keepPreferences({ language });
    location.reload();
  };
  return (
    <Field
      label={text("common.language")}
      control={(attributes) => (
        <select {...attributes} onChange={(event) => choose(event.currentTarget.value)}>
          {LANGUAGES.map((tag) => (
            <option
              key={tag}
              value={tag}
              lang={tag}
              selected={tag === document.documentElement.lang}
            >
              {languageName(tag, tag)}
            </option>
          ))}
        </select>
      )}
    />
  );
}

function SchemeChoice() {
  const [chosen, setChosen] = useState(readPreferences().scheme);
  const choose = (scheme: (typeof SCHEMES)[number]) => {
    keepPreferences({ scheme });
    applyScheme(scheme);
    setChosen(scheme);
  };
  return (
    <fieldset class="choice">
      <legend>{text("common.scheme")}</legend>
      <div class="choice__options">
        {SCHEMES.map((scheme) => (
          <label key={scheme}>
            <input
              type="radio"
              name="scheme"
              checked={scheme === chosen}
              onChange={() => choose(scheme)}
            />
            {text(`common.schemes.${scheme}`)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
