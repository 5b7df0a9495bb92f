// Markup that nothing from outside can get into: what is put into a piece is text, unless it is a
// piece itself.

/** A piece of a page. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | null | readonly Part[];

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

function writtenAs(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'object') return 'markup' in part ? part.markup : part.map(writtenAs).join('');
  return escaped(String(part));
}

/**
 * A piece of a page; what is put into elements and quoted attributes alike is text, and null is
 * nothing.
 */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: texts.map((text, index) => `${text}${writtenAs(parts[index] ?? null)}`).join('') };
}

/** Data for the script of a page; nothing in it can end its element. */
export function dataBlock(id: string, data: unknown): Markup {
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return { markup: `<script type="application/json" id="${escaped(id)}">${json}</script>` };
}
