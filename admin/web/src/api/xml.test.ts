// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { el, elWith, escapeXml, isXmlText, optional, parseXml, s3Document, XmlError } from './xml';

const hostile = [
  '<script>alert(1)</script>',
  ']]><x/>',
  '&amp;&lt;',
  '"\' onload="x',
  '<!DOCTYPE x>',
  '<?php ?>',
  '&#0;',
  ' leading and trailing ',
  'tab\tline\nreturn\rend',
  'é日本🎉\u202E',
  '</Key><Key>other',
];

describe('building', () => {
  it.each(hostile)('%j comes back as it was', (text) => {
    const x = parseXml(s3Document('Tagging', el('Key', text), elWith('Value', { a: text }, text)));
    expect(x.str('Key')).toBe(text);
    expect(x.str('Value')).toBe(text);
    expect(x.child('Value')?.attribute('a')).toBe(text);
    expect(x.children()).toHaveLength(2);
  });

  it('what XML cannot say is refused', () => {
    for (const text of ['\u0000', '\u0001', 'a\u001fb', '\uFFFE', '\uD800', '\uDC00x']) {
      expect(isXmlText(text)).toBe(false);
      expect(() => escapeXml(text)).toThrow(XmlError);
    }
    expect(isXmlText('🎉')).toBe(true);
  });

  it('optional elements vanish', () => {
    expect(el('A', optional('B', undefined), optional('C', ''), optional('D', 0)).markup).toBe('<A><D>0</D></A>');
  });
});

describe('reading', () => {
  it('looks at direct children alone', () => {
    const x = parseXml('<R xmlns="urn:x"><Contents><Key>a</Key></Contents><n:Key xmlns:n="urn:y">b</n:Key></R>');
    expect(x.str('Key')).toBe('b');
    expect(x.at('Contents', 'Key')?.text).toBe('a');
    expect(x.get('Size')).toBeUndefined();
  });

  it('numbers, dates and truth', () => {
    const x = parseXml('<R><N>12</N><Bad>x</Bad><D>2026-01-02T03:04:05.000Z</D><T>true</T><E/></R>');
    expect(x.num('N')).toBe(12);
    expect(x.num('Bad')).toBeUndefined();
    expect(x.num('E')).toBeUndefined();
    expect(x.date('D')?.getTime()).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(x.date('E')).toBeUndefined();
    expect(x.bool('T')).toBe(true);
  });

  it.each(['', 'no xml', '<a>', '<a></b>', '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', '<a>&nope;</a>'])(
    '%j is refused',
    (text) => {
      expect(() => parseXml(text)).toThrow(XmlError);
    },
  );
});
