// Texts of others as they can be read without being misled.

/** Characters that are not seen but change what is read: controls, directions, empty spaces. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;
const IN_LINES = new Set(['\n', '\t']);

/** A text in which hidden characters are told by their numbers, so that no two ids look alike. */
export function visible(text: string): string {
  return text.replaceAll(HIDDEN, (character) => (IN_LINES.has(character) ? character : `⟨U+${hexOf(character)}⟩`));
}

function hexOf(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
}
