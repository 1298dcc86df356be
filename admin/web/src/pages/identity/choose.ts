// SPDX-License-Identifier: Apache-2.0
// Ticking actions of a statement, where patterns such as s3:Get* stand for several.
import { ACTIONS, expand, LEVELS, matches, type Action, type Level, type ServiceId } from '../../policy';

export const covers = (patterns: readonly string[], name: string): boolean => patterns.some((p) => matches(p, name));

/** A pattern that stands for an action that is taken out is replaced by the others that it stood for. */
export function setAction(patterns: readonly string[], name: string, on: boolean): string[] {
  if (on) return covers(patterns, name) ? [...patterns] : [...patterns, name];
  const out = patterns.flatMap((p) => (matches(p, name) ? expand(p).map((a) => a.name) : [p])).filter((p) => p.toLowerCase() !== name.toLowerCase());
  return [...new Set(out)];
}

export const setActions = (patterns: readonly string[], names: readonly string[], on: boolean): string[] => names.reduce<string[]>((all, name) => setAction(all, name, on), [...patterns]);

/** All of a service: one pattern instead of many. */
export const setService = (patterns: readonly string[], service: ServiceId, on: boolean): string[] => {
  const others = on ? patterns.filter((p) => !p.toLowerCase().startsWith(`${service}:`)) : setActions(patterns, ACTIONS.filter((a) => a.service === service).map((a) => a.name), false).filter((p) => !p.toLowerCase().startsWith(`${service}:`));
  return on ? [...others, `${service}:*`] : others;
};

export function byLevel(service: ServiceId, search: string): Array<{ level: Level; actions: Action[] }> {
  const of = ACTIONS.filter((a) => a.service === service && a.name.toLowerCase().includes(search.trim().toLowerCase()));
  return LEVELS.map((level) => ({ level, actions: of.filter((a) => a.level === level) })).filter((g) => g.actions.length > 0);
}
