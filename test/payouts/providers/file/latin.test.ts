import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { latinText } from '../../../../src/payouts/providers/file/latin.ts';

test.each([
  ['Müller & Söhne', 'Muller + Sohne'],
  ['Łukasz Żółć', 'Lukasz Zolc'],
  ['Straße', 'Strasse'],
  ['Đặng Thị Ánh', 'Dang Thi Anh'],
  ['Ærø Þórsdóttir', 'AEro THorsdottir'],
  ['D’Arcy—Smith', "D'Arcy-Smith"],
  ['İpek Yıldız', 'Ipek Yildiz'],
  ['  two\u00a0  blanks ', 'two blanks'],
  ['Jose\u0301', 'Jose'],
])('%j is spelled %j', (text, spelled) => {
  expect(latinText(text)).toBe(spelled);
});

test.each(['张三', 'Γιώργος', 'Иван', '홍길동', 'a\nb', 'a<b', '😀', '\ud842'])('%j has no Latin spelling', (text) => {
  expect(latinText(text)).toBeNull();
});

test('what is spelled is basic Latin, and is spelled as itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from("aZ09 ÄéßŁ&'/?:().,+-")) }), (text) => {
      const spelled = latinText(text)!;
      expect(spelled).toMatch(/^[A-Za-z0-9/?:().,'+ -]*$/);
      expect(latinText(spelled)).toBe(spelled);
    }),
  );
});
