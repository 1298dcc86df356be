// SPDX-License-Identifier: Apache-2.0
/*
 * JSON that keeps where everything stands, for findings that point at it; and the place of a cursor in a text that is not finished,
 * for completion. Both read texts of any shape: depth is bounded, and names of members are never looked up in an object of JavaScript.
 */
export type JsonNode = {
  kind: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null';
  from: number;
  to: number;
  /** Of strings, and what others are written as. */
  text: string;
  members: JsonMember[];
  items: JsonNode[];
};
export type JsonMember = { name: string; from: number; to: number; value: JsonNode };

export const DEPTH_MAX = 64;

/** Undefined: not JSON. */
export function parseJson(text: string): JsonNode | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let at = 0;
  const blank = () => {
    while (at < text.length && /[\s,:]/.test(text[at] as string)) at++;
  };
  const string = (): string => {
    const from = at++;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at++;
    return JSON.parse(text.slice(from, at)) as string;
  };
  const value = (depth: number): JsonNode => {
    blank();
    const node: JsonNode = { kind: 'null', from: at, to: at, text: '', members: [], items: [] };
    const c = text[at];
    if (depth > DEPTH_MAX) throw new RangeError();
    if (c === '"') {
      node.kind = 'string';
      node.text = string();
    } else if (c === '{') {
      node.kind = 'object';
      at++;
      for (blank(); text[at] !== '}'; blank()) {
        const from = at;
        const name = string();
        const to = at;
        node.members.push({ name, from, to, value: value(depth + 1) });
      }
      at++;
    } else if (c === '[') {
      node.kind = 'array';
      at++;
      for (blank(); text[at] !== ']'; blank()) node.items.push(value(depth + 1));
      at++;
    } else {
      while (at < text.length && !/[\s,\]}]/.test(text[at] as string)) at++;
      node.text = text.slice(node.from, at);
      node.kind = node.text === 'null' ? 'null' : node.text === 'true' || node.text === 'false' ? 'boolean' : 'number';
    }
    node.to = at;
    return node;
  };
  try {
    return value(0);
  } catch {
    return undefined;
  }
}

export const member = (node: JsonNode | undefined, name: string): JsonMember | undefined => node?.members.find((m) => m.name === name);
/** The items of an array; anything else is a list of one. */
export const listOf = (node: JsonNode | undefined): JsonNode[] => (node === undefined ? [] : node.kind === 'array' ? node.items : [node]);

export type Cursor = {
  /** Names of the members that one is in, from the top; items of arrays have no name. */
  path: string[];
  /** What stands there: a member's name, or a value. */
  place: 'key' | 'value';
  inString: boolean;
  /** The names that the object around already has. */
  siblings: string[];
};

/** Where a place of a text is, read from its beginning only: what follows need not be there yet. */
export function cursorIn(text: string, at: number): Cursor {
  type Level = { object: boolean; key: string | undefined; names: string[]; expectKey: boolean };
  const stack: Level[] = [];
  let inString = false;
  let start = 0;
  for (let i = 0; i < Math.min(at, text.length); i++) {
    const c = text[i];
    const top = stack[stack.length - 1];
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') {
        inString = false;
        if (top?.object && top.expectKey) {
          top.key = text.slice(start + 1, i);
          top.names.push(top.key);
        }
      }
    } else if (c === '"') {
      inString = true;
      start = i;
    } else if (c === '{' || c === '[') stack.push({ object: c === '{', key: undefined, names: [], expectKey: c === '{' });
    else if (c === '}' || c === ']') stack.pop();
    else if (c === ':' && top?.object) top.expectKey = false;
    else if (c === ',' && top?.object) {
      top.expectKey = true;
      top.key = undefined;
    }
  }
  const top = stack[stack.length - 1];
  const place = top?.object && top.expectKey ? 'key' : 'value';
  const path = stack.filter((l, i) => l.object && l.key !== undefined && !(i === stack.length - 1 && place === 'key')).map((l) => l.key as string);
  return { path, place, inString, siblings: top?.names ?? [] };
}
