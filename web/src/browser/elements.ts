// Drawing for every page: elements, and times by the clock. Text only: no markup from data.

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
