// Line icons on a 24 by 24 grid, drawn with the colour of the text around them.

const PATHS = {
  alert:
    "M12 8v5m0 3.5v.01M10.3 3.9 2.4 17.6A2 2 0 0 0 4.1 20.6h15.8a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0z",
  arrow: "M5 12h14m-6-6 6 6-6 6",
  check: "m5 12.5 4.5 4.5L19 7.5",
  chevron: "m6 9 6 6 6-6",
  clock: "M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  close: "M6 6l12 12M18 6 6 18",
  door: "M14 4h4a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-4M10 16l4-4-4-4m4 4H4",
  film: "M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zm3 0v14M17 5v14M3 9.5h4m-4 5h4m10-5h4m-4 5h4",
  gear: "M4 8h9m5 0h2M4 16h3m5 0h8M15.5 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM9.5 18.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  people:
    "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm-6.5 8c.4-3.3 3-5.5 6.5-5.5s6.1 2.2 6.5 5.5M16 4.8a3.5 3.5 0 0 1 0 6.4m2.3 3.4c1.9.9 3 2.6 3.2 4.9",
  play: "M7 4.8v14.4c0 .8.9 1.3 1.6.8l10.7-7.2a1 1 0 0 0 0-1.6L8.6 4C7.9 3.5 7 4 7 4.8z",
  search: "m20 20-4.2-4.2M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14z",
  shelf: "M5 4h4v16H5zM9 7h4v13H9zM14.2 8.1l3.8-1 3.2 12-3.9 1z",
  back: "M19 12H5m6 6-6-6 6-6",
  caption:
    "M4 5h16a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zm6.5 5.4a2.2 2.2 0 1 0 0 3.2m6.5-3.2a2.2 2.2 0 1 0 0 3.2",
  down: "M12 5v14m-6-6 6 6 6-6",
  download: "M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 19.5h14",
  grip: "M9 6v.01M15 6v.01M9 12v.01M15 12v.01M9 18v.01M15 18v.01",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  pause: "M8.5 5v14m7-14v14",
  pencil: "m4 20 1-4L16.5 4.5a2 2 0 0 1 3 3L8 19z",
  plus: "M12 5v14M5 12h14",
  sort: "M8 10l4-4 4 4M8 14l4 4 4-4",
  swap: "M4 8h14m-4-4 4 4-4 4M20 16H6m4-4-4 4 4 4",
  trash: "M4 7h16M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7M10 11v5m4-5v5",
  up: "M12 19V5m-6 6 6-6 6 6",
  upload: "M12 15.5V4.5M7.5 9 12 4.5 16.5 9M5 19.5h14",
} as const;

export type IconName = keyof typeof PATHS;

/** Those that point along the line turn with it. */
const ALONG: readonly IconName[] = ["arrow", "back", "door"];

export function Icon({ name }: { name: IconName }) {
  const kind = ALONG.includes(name) ? "icon icon--along" : "icon";
  return (
    <svg class={kind} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark of the service; `pages/icon.svg` is the same. */
export function BrandIcon() {
  return (
    <svg class="brand__icon" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0c6e66" />
      <path d="M12 8.5v11l9-5.5z" fill="#ffffff" />
      <path d="M7 25h18" stroke="#ffffff" stroke-opacity=".35" stroke-width="2" />
      <path d="M7 25h10" stroke="#ffc46b" stroke-width="2" />
    </svg>
  );
}
