// SPDX-License-Identifier: Apache-2.0
// One file each, so that the first page does not load what only later ones need.
export * from './ComboBox';
export type { Option } from './Option';
export * from './Select';
export * from './TextField';
export * from './Toggles';
