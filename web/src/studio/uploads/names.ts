// Titles from file names, and files that are no videos. Pure.

const LONGEST_TITLE = 200;
const EXTENSION = /\.[A-Za-z][A-Za-z0-9]{0,4}$/;
// Formats that the server accepts; it judges the content, not the name.
export const ACCEPT =
  "video/*,.mp4,.m4v,.webm,.mov,.mkv,.avi,.ts,.mts,.m2ts,.mpg,.mpeg,.vob,.wmv,.asf,.flv,.3gp";
const EXTENSIONS = new Set(ACCEPT.split(",").slice(1));
const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** "Lecture_03-final.mp4" -> "Lecture 03 final". */
export function titleFromName(name: string): string {
  const spoken = withoutEscapes(name.normalize("NFC"))
    .replace(EXTENSION, "")
    .replaceAll(/\p{Cc}+/gu, " ")
    .replaceAll(/[_+]+/g, " ")
    .replaceAll(/(?<!\d)[.-]+|[.-]+(?!\d)/g, " ") // but 2026-11-30 and 1.2 stay
    .replaceAll(/\s+/g, " ")
    .trim();
  return (spoken || name.trim() || "Video").slice(0, LONGEST_TITLE).trim();
}

/** False for what is surely none: a document, a picture. */
export function mayBeVideo({ name, type }: { name: string; type: string }): boolean {
  if (type.startsWith("video/") || type === "") return true;
  return EXTENSIONS.has((EXTENSION.exec(name)?.[0] ?? "").toLowerCase());
}

/** As people count: 2 before 10. */
export function byName(a: { name: string }, b: { name: string }): number {
  return order.compare(a.name, b.name);
}

function withoutEscapes(name: string): string {
  try {
    return /%[0-9A-Fa-f]{2}/.test(name) ? decodeURIComponent(name) : name;
  } catch {
    return name;
  }
}
