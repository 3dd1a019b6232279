// A bar that fills from the start of the line to its end.

interface ProgressBarProps {
  /** 0 to 1; null while nobody knows. */
  value: number | null;
  /** Says of what, with the share: "Seen: 12%". */
  label: string;
}

export function ProgressBar({ value, label }: ProgressBarProps) {
  const share = Math.min(1, Math.max(0, value ?? 0));
  return (
    <div
      class={value === null ? "progress progress--unknown" : "progress"}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.floor(share * 100)}
    >
      <span
        class="progress__value"
        style={value === null ? undefined : { transform: `scaleX(${share})` }}
      />
    </div>
  );
}
