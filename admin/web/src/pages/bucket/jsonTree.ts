// SPDX-License-Identifier: Apache-2.0
/* JSON with places: what an editor needs to say where something is wrong, and what may stand where the cursor is. */

export type Node =
  | { type: 'object'; from: number; to: number; members: Member[] }
  | { type: 'array'; from: number; to: number; items: Node[] }
  | { type: 'string'; from: number; to: number; value: string }
  | { type: 'other'; from: number; to: number; value: number | boolean | null };

export interface Member {
  key: string;
  from: number;
  to: number;
  value: Node;
}

const DEEPEST = 60;

class Reader {
  at = 0;
  constructor(readonly text: string) {}

  space() {
    while (/\s/.test(this.text[this.at] ?? 'x')) this.at++;
  }
  take(char: string): boolean {
    this.space();
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }
  string(): { value: string; from: number; to: number } | undefined {
    this.space();
    const from = this.at;
    const match = /^"(?:[^"\\]|\\.)*"/.exec(this.text.slice(from));
    if (!match) return undefined;
    this.at += match[0].length;
    try {
      return { value: JSON.parse(match[0]) as string, from, to: this.at };
    } catch {
      return undefined;
    }
  }
  node(depth: number): Node | undefined {
    this.space();
    const from = this.at;
    if (depth > DEEPEST) return undefined;
    if (this.take('{')) return this.object(from, depth);
    if (this.take('[')) return this.array(from, depth);
    const s = this.string();
    if (s) return { type: 'string', ...s };
    const match = /^(-?\d[\d.eE+-]*|true|false|null)/.exec(this.text.slice(from));
    if (!match) return undefined;
    this.at += match[0].length;
    try {
      return { type: 'other', from, to: this.at, value: JSON.parse(match[0]) as number };
    } catch {
      return undefined;
    }
  }
  object(from: number, depth: number): Node | undefined {
    const members: Member[] = [];
    if (this.take('}')) return { type: 'object', from, to: this.at, members };
    for (;;) {
      const key = this.string();
      if (!key || !this.take(':')) return undefined;
      const value = this.node(depth + 1);
      if (!value) return undefined;
      members.push({ key: key.value, from: key.from, to: key.to, value });
      if (this.take('}')) return { type: 'object', from, to: this.at, members };
      if (!this.take(',')) return undefined;
    }
  }
  array(from: number, depth: number): Node | undefined {
    const items: Node[] = [];
    if (this.take(']')) return { type: 'array', from, to: this.at, items };
    for (;;) {
      const item = this.node(depth + 1);
      if (!item) return undefined;
      items.push(item);
      if (this.take(']')) return { type: 'array', from, to: this.at, items };
      if (!this.take(',')) return undefined;
    }
  }
}

/** Undefined: it is not JSON (which the editor says by itself). */
export function readTree(text: string): Node | undefined {
  const r = new Reader(text);
  const node = r.node(0);
  r.space();
  return node && r.at === text.length ? node : undefined;
}

export interface Place {
  /** Names of the members that lead here; arrays add nothing. */
  path: string[];
  expects: 'key' | 'value';
  inString: boolean;
  /** Members of the object around the place that stand before it. */
  siblings: string[];
}

/** Where in the document a place is, though what follows may be missing or wrong. */
export function placeAt(text: string, at: number): Place {
  type Frame = { kind: '{' | '['; key?: string; seen: string[]; expects: 'key' | 'value' };
  const stack: Frame[] = [];
  let inString = false;
  let last: string | undefined;
  for (let i = 0; i < at; ) {
    const c = text[i] as string;
    const top = stack[stack.length - 1];
    if (c === '"') {
      const end = /^"(?:[^"\\\n]|\\.)*"/.exec(text.slice(i));
      if (!end || i + end[0].length > at) {
        inString = true;
        break;
      }
      try {
        last = JSON.parse(end[0]) as string;
      } catch {
        last = undefined;
      }
      i += end[0].length;
      continue;
    }
    if (c === '{') stack.push({ kind: '{', seen: [], expects: 'key' });
    else if (c === '[') stack.push({ kind: '[', seen: [], expects: 'value' });
    else if (c === '}' || c === ']') stack.pop();
    else if (c === ':' && top?.kind === '{' && last !== undefined) {
      top.key = last;
      top.seen.push(last);
      top.expects = 'value';
    } else if (c === ',' && top?.kind === '{') {
      top.expects = 'key';
      delete top.key;
    }
    i++;
  }
  const top = stack[stack.length - 1];
  return {
    path: stack.flatMap((f) => (f.kind === '{' && f.expects === 'value' && f.key !== undefined ? [f.key] : [])),
    expects: top?.kind === '{' ? top.expects : 'value',
    inString,
    siblings: top?.kind === '{' ? top.seen : [],
  };
}
