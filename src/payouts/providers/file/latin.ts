// The characters that every bank of the SEPA reads, and how a name of other Latin letters is
// spelled in them: by its letters without their marks (EPC217-08). What has no such spelling is
// refused.

const BASIC = /^[A-Za-z0-9/?:().,'+ -]*$/;
/** Marks that stand above or below a letter, once they are apart from it. */
const MARKS = /\p{Mn}/gu;

/** Letters and signs that come apart into no letter and mark. */
const SPELLED: Readonly<Record<string, string>> = {
  ß: 'ss',
  ẞ: 'SS',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  ð: 'd',
  Ð: 'D',
  đ: 'd',
  Đ: 'D',
  þ: 'th',
  Þ: 'TH',
  ł: 'l',
  Ł: 'L',
  ħ: 'h',
  Ħ: 'H',
  ŧ: 't',
  Ŧ: 'T',
  ı: 'i',
  ŋ: 'n',
  Ŋ: 'N',
  ĸ: 'k',
  '&': '+',
  '"': "'",
  '‘': "'",
  '’': "'",
  '‚': "'",
  '“': "'",
  '”': "'",
  '„': "'",
  '`': "'",
  '´': "'",
  '‐': '-',
  '‑': '-',
  '‒': '-',
  '–': '-',
  '—': '-',
  _: '-',
  ';': ',',
};
const TO_SPELL = new RegExp(`[${Object.keys(SPELLED).join('')}]`, 'g');

/**
 * The text in the basic characters, blanks joined; null when it has others, as Chinese or Greek.
 * The same text is always spelled the same.
 */
export function latinText(text: string): string | null {
  const spelled = text
    .normalize('NFC')
    .replaceAll(TO_SPELL, (sign) => SPELLED[sign] ?? sign)
    .normalize('NFD')
    .replaceAll(MARKS, '')
    .replaceAll(/[ \u00a0]+/g, ' ')
    .trim();
  return BASIC.test(spelled) ? spelled : null;
}
