// A button that opens the browser's file picker.

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Button, type ButtonKind } from "../../design/button.tsx";

interface FileButtonProps {
  kind?: ButtonKind;
  label?: string | undefined;
  accept: string;
  isMultiple?: boolean;
  disabled?: boolean;
  choose: (files: FileList) => void;
  children: ComponentChildren;
}

export function FileButton(props: FileButtonProps) {
  const { kind = "quiet", label, accept, isMultiple = false, disabled = false, choose } = props;
  const input = useRef<HTMLInputElement>(null);
  const take = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    if (currentTarget.files?.length) choose(currentTarget.files);
    currentTarget.value = ""; // the same file may be chosen again
  };
  return (
    <>
      <Button kind={kind} label={label} disabled={disabled} onClick={() => input.current?.click()}>
        {props.children}
      </Button>
      <input ref={input} type="file" accept={accept} multiple={isMultiple} onChange={take} hidden />
    </>
  );
}
