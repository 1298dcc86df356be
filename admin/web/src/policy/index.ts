// SPDX-License-Identifier: Apache-2.0
/*
 * Policies: what may be said in them (actions, operators, keys), what is wrong with one (validate, for CodeEditor's lint), what may come
 * next (complete, for its complete), what one says in words (sentences), and examples.
 *
 *   <CodeEditor lint={(text) => validate(text, { kind: 'bucket', bucket })} complete={(text, at) => complete(text, at, { kind: 'bucket', bucket })} … />
 */
export * from './actions';
export * from './complete';
export * from './examples';
export * from './json';
export * from './keys';
export * from './model';
export * from './validate';
export * from './words';
