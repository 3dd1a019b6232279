// Drawing for every page: elements, times and shares in words. Text only: no markup from data.

type Child = Node | string | number | false | null | undefined;

/** An element with properties (or attributes, where a property of that name does not exist). */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Record<string, unknown> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in element) Reflect.set(element, name, value);
    else element.setAttribute(name, String(value));
  }
  const isShown = (child: Child): child is Node | string | number => Boolean(child) || child === 0;
  element.append(
    ...children.filter(isShown).map((child) => (child instanceof Node ? child : String(child))),
  );
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | number> = {},
  ...children: SVGElement[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** 754.2 -> "12:34", 3754 -> "1:02:34". */
export function clock(seconds: number | null | undefined): string {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const two = (number: number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  const tail = two(whole % 60);
  return hours ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

/** 3754 -> "1 hour 2 minutes 34 seconds", as a screen reader should say it. */
export function spokenTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const parts = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ] as const;
  const said = parts
    .filter(([count]) => count)
    .map(([count, unit]) => `${count} ${unit}${count === 1 ? "" : "s"}`);
  return said.join(" ") || "0 seconds";
}

/** A share in words that never calls 99.6 % all of it. */
export function percent(ratio: number | null | undefined): string {
  return `${Math.floor(Math.min(1, Math.max(0, ratio || 0)) * 100)} %`;
}

/** The language's name in the viewer's own. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([navigator.language], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag; // no tag that this browser knows
  }
}
