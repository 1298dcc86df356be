// SPDX-License-Identifier: Apache-2.0
// CodeMirror in a shadow root: there its styles are adopted style sheets, which the content policy allows, not style elements.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, type CompletionContext } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json, jsonParseLinter } from '@codemirror/lang-json';
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, linter, type Diagnostic as LintDiagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { t } from '../strings';
import type { CodeEditorProps } from './CodeEditor';
import css from './CodeMirror.module.css';

const look = EditorView.theme({
  '&': { backgroundColor: 'var(--surface)', color: 'var(--text)', fontSize: '0.8125rem' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto' },
  '.cm-content': { padding: '0.6rem 0', caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--subtle)', color: 'var(--text-3)', border: 'none' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-line) !important' },
  '.cm-matchingBracket': { backgroundColor: 'var(--accent-soft) !important', outline: '1px solid var(--accent-line)' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', border: '1px solid var(--border)', borderRadius: '7px', boxShadow: 'var(--shadow)', color: 'var(--text)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent-soft)', color: 'var(--text)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '14em' },
  '.cm-completionDetail': { color: 'var(--text-3)', fontStyle: 'normal' },
  '.cm-panels': { backgroundColor: 'var(--subtle)', color: 'var(--text)', borderColor: 'var(--border)' },
  '.cm-diagnostic': { fontFamily: 'var(--font)' },
  '.cm-panel.cm-search': { padding: '0.5rem', fontFamily: 'var(--font)' },
  '.cm-panel.cm-search label': { fontSize: '0.75rem' },
  '.cm-panel.cm-search [name=close]': { color: 'var(--text-2)', cursor: 'pointer' },
  '.cm-textfield': { backgroundColor: 'var(--surface)', color: 'var(--text)', border: '1px solid var(--border-control)', borderRadius: '5px', fontSize: '0.75rem', padding: '0.2rem 0.4rem' },
  '.cm-button': { background: 'var(--raised)', backgroundImage: 'none', color: 'var(--text)', border: '1px solid var(--border-strong)', borderRadius: '5px', fontSize: '0.75rem', padding: '0.2rem 0.5rem', cursor: 'pointer' },
  '.cm-searchMatch': { backgroundColor: 'var(--warning-soft)', outline: '1px solid var(--warning)' },
});

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent-text)' },
  { tag: tags.string, color: 'var(--info-text)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warning-text)' },
  { tag: tags.invalid, color: 'var(--danger-text)' },
]);

export default function CodeMirror(p: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const props = useRef(p);
  props.current = p;
  const { language = 'json', readOnly = false, label } = p;

  useEffect(() => {
    const el = host.current;
    if (!el) return;
    const root = el.shadowRoot ?? el.attachShadow({ mode: 'open' });
    const mount = document.createElement('div');
    root.replaceChildren(mount);
    const suggestions = (context: CompletionContext) => {
      const word = context.matchBefore(/[\w:*$\{\}.\-/]*/);
      const list = props.current.complete?.(context.state.doc.toString(), context.pos) ?? [];
      if (list.length === 0 || (!context.explicit && (!word || word.from === word.to))) return null;
      return { from: word?.from ?? context.pos, options: list, validFor: /^[\w:*$\{\}.\-/]*$/ };
    };
    const own = (v: EditorView): LintDiagnostic[] => {
      const length = v.state.doc.length;
      return (props.current.lint?.(v.state.doc.toString()) ?? []).map((d) => ({ ...d, from: Math.min(d.from, length), to: Math.min(Math.max(d.from, d.to), length) }));
    };
    const syntax = jsonParseLinter();
    const extensions: Extension[] = [
      lineNumbers(),
      foldGutter(),
      history(),
      drawSelection(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      syntaxHighlighting(colours),
      look,
      EditorView.lineWrapping,
      // Tab indents; who works by keyboard has to know the way out.
      EditorView.contentAttributes.of({ 'aria-label': label, ...(readOnly ? {} : { 'aria-description': t('ui.editorLeave') }) }),
      EditorState.readOnly.of(readOnly),
      EditorView.theme({ '.cm-content, .cm-gutter': { minHeight: props.current.minHeight ?? '12rem' }, '.cm-scroller': { maxHeight: props.current.maxHeight ?? '32rem' } }),
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...(readOnly ? [] : [indentWithTab])]),
      EditorView.updateListener.of((u) => {
        if (u.docChanged) props.current.onChange?.(u.state.doc.toString());
      }),
    ];
    if (language === 'json') {
      extensions.push(json(), lintGutter(), linter((v) => (v.state.doc.toString().trim() === '' ? [] : [...syntax(v), ...own(v)]), { delay: 250 }), autocompletion({ override: [suggestions] }));
    }
    const editor = new EditorView({ state: EditorState.create({ doc: props.current.value, extensions }), parent: mount, root });
    view.current = editor;
    return () => {
      editor.destroy();
      view.current = null;
    };
  }, [language, readOnly, label]);

  useEffect(() => {
    const v = view.current;
    if (v && v.state.doc.toString() !== p.value) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: p.value } });
  }, [p.value]);

  return <div ref={host} className={css.host} />;
}
