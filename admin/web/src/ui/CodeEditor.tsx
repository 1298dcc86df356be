// SPDX-License-Identifier: Apache-2.0
// The editor itself is large and comes when it is first needed; until then the text is in a plain field.
import { Suspense } from 'react';
import { lazily } from '../app/lazily';
import { TextField } from './TextField';

export type Completion = { label: string; detail?: string; type?: string; apply?: string };
export type Diagnostic = { from: number; to: number; severity: 'error' | 'warning' | 'info'; message: string };
export type CodeEditorProps = {
  label: string;
  value: string;
  onChange?: (value: string) => void;
  language?: 'json' | 'text';
  readOnly?: boolean;
  /** CSS lengths. */
  minHeight?: string;
  maxHeight?: string;
  /** What may stand at a place: the text before it and the place. */
  complete?: (text: string, at: number) => Completion[];
  /** What is wrong beyond the syntax of JSON, which is checked anyway. */
  lint?: (text: string) => Diagnostic[];
};

const Editor = lazily(() => import('./CodeMirror'));

export function CodeEditor(p: CodeEditorProps) {
  return (
    <Suspense fallback={<TextField label={p.label} hideLabel multiline mono rows={10} value={p.value} onChange={p.onChange ?? (() => {})} isReadOnly={p.readOnly ?? false} />}>
      <Editor {...p} />
    </Suspense>
  );
}
