// Captions by language.

import { useState } from "preact/hooks";
import { Choice } from "../../design/choice.tsx";
import { Field } from "../../design/field.tsx";
import { EmptyState } from "../../design/states.tsx";
import { language as pageLanguage } from "../../texts/language.ts";
import { languageName, text } from "../../texts/texts.ts";
import { mayDrop } from "../parts/navigation.ts";
import type { Lesson } from "../service/answers.ts";
import { remainingLanguages } from "./languages.ts";
import type { Preview } from "./preview.ts";
import { TrackEditor } from "./track_editor.tsx";

interface CaptionsTabProps {
  lesson: Lesson;
  preview: Preview;
  changed: (lesson: Lesson | null) => void;
}

export function CaptionsTab({ lesson, preview, changed }: CaptionsTabProps) {
  const present = lesson.captions.map(({ language }) => language);
  const [chosen, setChosen] = useState<string | null>(present[0] ?? null);
  const languages = chosen && !present.includes(chosen) ? [...present, chosen] : present;
  const choose = (tag: string) => {
    if (mayDrop()) setChosen(tag);
  };
  return (
    <>
      <div class="tools">
        {languages.length > 0 && (
          <Choice
            label={text("studio.video.languages")}
            names={languages}
            current={chosen ?? ""}
            titleOf={(tag) => languageName(tag)}
            choose={choose}
          />
        )}
        <AddLanguage present={languages} choose={choose} />
      </div>
      {chosen ? (
        <TrackEditor
          key={chosen}
          lesson={lesson}
          name={`captions/${chosen}`}
          preview={preview}
          changed={changed}
        />
      ) : (
        <EmptyState icon="caption" title={text("studio.video.noCaptions")}>
          {text("studio.video.noCaptionsText")}
        </EmptyState>
      )}
    </>
  );
}

function AddLanguage(props: { present: readonly string[]; choose: (tag: string) => void }) {
  const { present, choose } = props;
  const byName = (a: string, b: string) => languageName(a).localeCompare(languageName(b));
  const others = remainingLanguages(present).sort(byName);
  const first = others.filter((tag) => tag === pageLanguage || tag === "en");
  return (
    <Field
      label={text("studio.video.addLanguage")}
      control={(attributes) => (
        <select
          {...attributes}
          value=""
          onChange={({ currentTarget }) => {
            if (currentTarget.value) choose(currentTarget.value);
            currentTarget.value = "";
          }}
        >
          <option value="">–</option>
          {[...first, ...others.filter((tag) => !first.includes(tag))].map((tag) => (
            <option key={tag} value={tag}>
              {languageName(tag)}
            </option>
          ))}
        </select>
      )}
    />
  );
}
