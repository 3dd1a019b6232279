// Drawing for every page: elements, times and shares in words. Text only: no markup from data.

/** An element with properties (or attributes, where a property of that name does not exist). */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child || child === 0));
  return element;
}

/** 754.2 -> "12:34", 3754 -> "1:02:34". */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  const tail = two(whole % 60);
  return hours ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`;
}

/** A share in words that never calls 99.6 % all of it. */
export function percent(ratio) {
  return `${Math.floor(Math.min(1, Math.max(0, ratio || 0)) * 100)} %`;
}
