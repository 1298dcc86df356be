// SPDX-License-Identifier: Apache-2.0
export * from './Button';
export * from './Chart';
export * from './CodeEditor';
export * from './cx';
export * from './Dialog';
export * from './errors';
export * from './Field';
export * from './format';
export * from './Layout';
export * from './Menu';
export * from './States';
export * from './Table';
export * from './Tabs';
export * from './Toast';
export * from './Tooltip';
