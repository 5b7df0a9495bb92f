import { expect, test } from 'vitest';

import { xlsxRows } from '../../../src/pull/tables/xlsx.ts';
import { keptInParts, tableOf } from './kept.ts';
import { workbookOf, zipOf } from './workbook.ts';

async function read(bytes: Buffer, partBytes?: number) {
  const rows = [];
  for await (const row of xlsxRows(keptInParts(bytes, partBytes))) rows.push(row);
  return rows;
}

test('the rows of the first sheet that is shown are read, whatever parts the file is kept in', async () => {
  const bytes = workbookOf([['order_id', 'paid_amount'], [], ['<a> & "b"', 1250], [null, 7]]);
  for (const partBytes of [100, 333, 1024 * 1024]) {
    expect(await read(bytes, partBytes)).toEqual([
      { line: 1, cells: ['order_id', 'paid_amount'], numbers: new Set() },
      { line: 3, cells: ['<a> & "b"', '1250'], numbers: new Set([1]) },
      { line: 4, cells: ['', '7'], numbers: new Set([1]) },
    ]);
  }
});

test('a number beyond what a double holds stands as it is in the file, so that it is seen to be damaged', async () => {
  const [row] = await read(workbookOf([[3.7051150584712e18]]));
  expect(row).toMatchObject({ cells: ['3705115058471200000'] });
});

test('texts inside of cells, results of formulas and escaped characters are texts', async () => {
  const sheet = `<worksheet><sheetData><row r="1"><c r="A1" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c>
    <c r="C1" t="str"><f>A1&amp;"x"</f><v>formula</v></c><c r="D1" t="e"><v>#REF!</v></c>
    <c r="E1" t="inlineStr"><is><t>a_x000D_b</t></is></c></row></sheetData></worksheet>`;
  const bytes = zipOf([
    { name: 'xl/workbook.xml', content: '<workbook xmlns:r="x"><sheets><sheet name="S" r:id="a"/></sheets></workbook>' },
    { name: 'xl/_rels/workbook.xml.rels', content: '<Relationships><Relationship Id="a" Target="/xl/sheet.xml"/></Relationships>' },
    { name: 'xl/sheet.xml', content: sheet },
  ]);
  expect(await read(bytes)).toEqual([{ line: 1, cells: ['inline', '', 'formula', '#REF!', 'a\rb'], numbers: new Set() }]);
});

test('a file that unpacks to a multiple of itself is refused before it is unpacked, and so is one that lies about it', async () => {
  const spaces = ' '.repeat(8 * 1024 * 1024);
  const bomb = (statedBytes?: number) =>
    zipOf([
      { name: 'xl/workbook.xml', content: '<workbook xmlns:r="x"><sheets><sheet name="S" r:id="a"/></sheets></workbook>' },
      { name: 'xl/_rels/workbook.xml.rels', content: '<Relationships><Relationship Id="a" Target="sheet.xml"/></Relationships>' },
      { name: 'xl/sheet.xml', content: `<worksheet>${spaces}</worksheet>`, ...(statedBytes === undefined ? {} : { statedBytes }) },
    ]);
  await expect(read(bomb())).rejects.toThrow('unpacks to more');
  await expect(read(bomb(1000))).rejects.toThrow();
});

test('an entity that grows is no text', async () => {
  const laughs = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><sst><si><t>&c;</t></si></sst>';
  await expect(read(withShared(laughs))).rejects.toThrow('XML of the spreadsheet');
});

function withShared(content: string): Buffer {
  return zipOf([
    { name: 'xl/workbook.xml', content: '<workbook xmlns:r="x"><sheets><sheet name="S" r:id="a"/></sheets></workbook>' },
    { name: 'xl/_rels/workbook.xml.rels', content: '<Relationships><Relationship Id="a" Target="sheet.xml"/></Relationships>' },
    { name: 'xl/sharedStrings.xml', content },
    { name: 'xl/sheet.xml', content: '<worksheet/>' },
  ]);
}

test.each([
  ['a spreadsheet of the old form', Buffer.from('d0cf11e0a1b11ae1', 'hex'), '.xls'],
  ['a packed file', Buffer.from('1f8b0800', 'hex'), 'gzip'],
  ['a PDF', Buffer.from('%PDF-1.7'), 'PDF'],
  ['a table of a web page', Buffer.from('<html><table><tr><td>order_id</td></tr></table>'), 'web page'],
  ['a text document', zipOf([{ name: 'word/document.xml', content: '' }]), 'another document'],
  ['a ZIP of something else', zipOf([{ name: 'a.csv', content: 'order_id' }]), 'no sheet'],
  ['a broken ZIP', workbookOf([['order_id']]).subarray(0, 300), 'cannot be opened'],
  ['nothing', Buffer.alloc(0), 'No row'],
])('%s is refused by what it looks like', async (_, bytes, look) => {
  await expect(tableOf(bytes)).rejects.toThrow(look);
});
