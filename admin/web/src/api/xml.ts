// SPDX-License-Identifier: Apache-2.0
/*
 * XML of S3 and IAM: read with the browser's own parser, which runs nothing and fetches nothing, and built by a writer
 * that escapes all that it is given. Elements are looked up as direct children by their local name, so namespaces and a
 * hostile name elsewhere in the document can't stand in for one.
 */

export class XmlNode {
  constructor(readonly element: Element) {}

  get name(): string {
    return this.element.localName;
  }

  children(name?: string): XmlNode[] {
    const found: XmlNode[] = [];
    for (let e = this.element.firstElementChild; e; e = e.nextElementSibling)
      if (name === undefined || e.localName === name) found.push(new XmlNode(e));
    return found;
  }

  child(name: string): XmlNode | undefined {
    for (let e = this.element.firstElementChild; e; e = e.nextElementSibling)
      if (e.localName === name) return new XmlNode(e);
    return undefined;
  }

  /** The first at the end of a path of names. */
  at(...path: string[]): XmlNode | undefined {
    let node: XmlNode | undefined = this;
    for (const name of path) node = node?.child(name);
    return node;
  }

  /** All `name` within the element `list`: <Users><member/>...</Users>. */
  list(list: string, name = 'member'): XmlNode[] {
    return this.child(list)?.children(name) ?? [];
  }

  get text(): string {
    return this.element.textContent ?? '';
  }

  /** The text of a child; undefined when it is not there. */
  get(name: string): string | undefined {
    return this.child(name)?.text;
  }

  /** The text of a child; empty when it is not there. */
  str(name: string): string {
    return this.get(name) ?? '';
  }

  num(name: string): number | undefined {
    const text = this.get(name);
    if (text === undefined || text.trim() === '') return undefined;
    const n = Number(text);
    return Number.isFinite(n) ? n : undefined;
  }

  bool(name: string): boolean {
    return this.get(name) === 'true';
  }

  date(name: string): Date | undefined {
    const text = this.get(name);
    const ms = text ? Date.parse(text) : NaN;
    return Number.isNaN(ms) ? undefined : new Date(ms);
  }

  attribute(name: string): string | undefined {
    for (const a of Array.from(this.element.attributes)) if (a.localName === name) return a.value;
    return undefined;
  }
}

export class XmlError extends Error {}

/* References to characters that XML 1.0 does not have: errors may repeat a key that holds some. */
function sayable(text: string): string {
  return text.replace(/&#(x[0-9a-f]+|\d+);/gi, (all, number: string) => {
    const code = number.startsWith('x') || number.startsWith('X') ? parseInt(number.slice(1), 16) : Number(number);
    const good = code === 9 || code === 10 || code === 13 || (code >= 0x20 && code < 0xd800) || (code > 0xdfff && code < 0xfffe) || (code >= 0x10000 && code <= 0x10ffff);
    return good ? all : '\uFFFD';
  });
}

/** Throws XmlError for what is not well-formed, or comes with a document type (nothing of ours has one). */
export function parseXml(text: string): XmlNode {
  if (/<!DOCTYPE/i.test(text)) throw new XmlError('The reply has a document type.');
  const document = new DOMParser().parseFromString(sayable(text), 'application/xml');
  const root = document.documentElement;
  if (!root || document.getElementsByTagName('parsererror').length > 0)
    throw new XmlError('The reply is not well-formed XML.');
  return new XmlNode(root);
}

/* What XML 1.0 can't say at all, not even by a reference. */
// eslint-disable-next-line no-control-regex
const UNSAYABLE = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/;

export function isXmlText(text: string): boolean {
  return !UNSAYABLE.test(text) && !/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text);
}

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** For text and attributes alike; white space is kept as it is by writing it as references. */
export function escapeXml(text: string): string {
  if (!isXmlText(text)) throw new XmlError('The text has characters that XML does not allow.');
  return text.replace(/[&<>"'\t\n\r]/g, (c) => ESCAPES[c] ?? c);
}

export type XmlContent = string | number | boolean | undefined | null | Xml | ReadonlyArray<XmlContent>;

/** Markup that was built here; anything else is text and gets escaped. */
export class Xml {
  constructor(readonly markup: string) {}
}

/** el('Tag', el('Key', name), el('Value', value)); undefined, null and empty lists leave nothing. */
export function el(name: string, ...content: XmlContent[]): Xml {
  return new Xml(`<${name}>${render(content)}</${name}>`);
}

/** As el, but nothing at all when there is no content. */
export function optional(name: string, content: XmlContent): Xml | undefined {
  return content === undefined || content === null || content === '' ? undefined : el(name, content);
}

/** An element with attributes, such as a Grantee. */
export function elWith(name: string, attributes: Record<string, string>, ...content: XmlContent[]): Xml {
  const text = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
    .join('');
  return new Xml(`<${name}${text}>${render(content)}</${name}>`);
}

function render(content: XmlContent): string {
  if (content === undefined || content === null) return '';
  if (content instanceof Xml) return content.markup;
  if (Array.isArray(content)) return content.map(render).join('');
  return escapeXml(String(content));
}

const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A whole document of S3. */
export function s3Document(name: string, ...content: XmlContent[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n` + elWith(name, { xmlns: S3_NAMESPACE }, ...content).markup;
}
