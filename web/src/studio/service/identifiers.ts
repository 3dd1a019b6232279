// Identifiers of new courses and modules: readable, from the title, and never one that exists, since
// PUT of an existing one would rename it. Pure but for the randomness that is passed in.

const LONGEST = 48;
const SUFFIX_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

export type Random = () => number;

/** "Einführung in Öle" -> "einfuhrung-in-ole-x7k2m9". */
export function identifierFor(title: string, random: Random = secureRandom): string {
  const plain = title.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();
  const words = plain.replaceAll(/[^a-z0-9]+/g, "-").slice(0, LONGEST);
  const readable = words.replaceAll(/^-+|-+$/g, "") || "c";
  const pick = () => SUFFIX_LETTERS[Math.floor(random() * SUFFIX_LETTERS.length)];
  return `${readable}-${Array.from({ length: 6 }, pick).join("")}`;
}

export function isIdentifier(text: string): boolean {
  return PATTERN.test(text);
}

function secureRandom(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
}
