// Languages that captions are offered in; the page names them in its own language. Pure.

export const COMMON_LANGUAGES = (
  "ar bg bn ca cs da de el en es et eu fa fi fr ga gl he hi hr hu id is it ja ko lt lv ms nb nl " +
  "pl pt pt-BR ro ru sk sl sr sv ta th tr uk ur vi zh-Hans zh-Hant"
).split(" ");

/** Those that are not there yet. */
export function remainingLanguages(present: readonly string[]): string[] {
  return COMMON_LANGUAGES.filter((tag) => !present.includes(tag));
}
