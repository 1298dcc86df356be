// SPDX-License-Identifier: Apache-2.0
/* Keys as people see them. What can't be seen, or would reorder the text around it, is shown as a mark. */
import {
  Archive,
  File,
  FileAudio,
  FileCode,
  FileImage,
  FileJson,
  FileSpreadsheet,
  FileText,
  FileVideo,
  Folder,
  type LucideIcon,
} from 'lucide-react';
import type { ReactElement } from 'react';
import { cx } from '../../ui';
import css from './objects.module.css';

// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/g;

/** Control characters and invisible ones by their number: ⟨0A⟩, ⟨202E⟩. Blanks at either end are marked. */
export function visible(text: string): string {
  const marked = text.replace(UNSEEN, (c) => {
    const code = c.charCodeAt(0);
    return `⟨${code.toString(16).toUpperCase().padStart(code < 0x100 ? 2 : 4, '0')}⟩`;
  });
  return marked.replace(/^ +| +$/g, (spaces) => '␣'.repeat(spaces.length));
}

export function Name({ text, wrap, className }: { text: string; wrap?: boolean; className?: string }) {
  const shown = visible(text);
  return (
    <bdi className={cx(wrap ? 'hostile' : 'ellipsis', css.name, className)} title={shown}>
      {shown === '' ? '∅' : shown}
    </bdi>
  );
}

/** The last segment of a key; of "a/b/" it is "b/". */
export function lastName(key: string): string {
  return key.length < 2 ? key : key.slice(key.lastIndexOf('/', key.length - 2) + 1);
}

export type Kind = 'image' | 'svg' | 'video' | 'audio' | 'pdf' | 'markdown' | 'csv' | 'json' | 'text' | 'archive' | 'other';

const BY_EXTENSION: Record<string, [kind: Kind, type: string]> = {
  png: ['image', 'image/png'],
  jpg: ['image', 'image/jpeg'],
  jpeg: ['image', 'image/jpeg'],
  gif: ['image', 'image/gif'],
  webp: ['image', 'image/webp'],
  avif: ['image', 'image/avif'],
  bmp: ['image', 'image/bmp'],
  ico: ['image', 'image/x-icon'],
  svg: ['svg', 'image/svg+xml'],
  mp4: ['video', 'video/mp4'],
  m4v: ['video', 'video/mp4'],
  webm: ['video', 'video/webm'],
  mov: ['video', 'video/quicktime'],
  ogv: ['video', 'video/ogg'],
  mp3: ['audio', 'audio/mpeg'],
  m4a: ['audio', 'audio/mp4'],
  aac: ['audio', 'audio/aac'],
  ogg: ['audio', 'audio/ogg'],
  oga: ['audio', 'audio/ogg'],
  opus: ['audio', 'audio/ogg'],
  wav: ['audio', 'audio/wav'],
  flac: ['audio', 'audio/flac'],
  pdf: ['pdf', 'application/pdf'],
  md: ['markdown', 'text/markdown'],
  markdown: ['markdown', 'text/markdown'],
  csv: ['csv', 'text/csv'],
  tsv: ['csv', 'text/tab-separated-values'],
  json: ['json', 'application/json'],
  geojson: ['json', 'application/json'],
  zip: ['archive', 'application/zip'],
  gz: ['archive', 'application/gzip'],
  tar: ['archive', 'application/x-tar'],
  tgz: ['archive', 'application/gzip'],
  xz: ['archive', 'application/x-xz'],
  zst: ['archive', 'application/zstd'],
  '7z': ['archive', 'application/x-7z-compressed'],
};

const TEXT_EXTENSIONS = new Set(
  (
    'txt log ndjson jsonl xml html htm css js mjs cjs ts tsx jsx c h cc cpp hpp rs go py rb php java kt swift sh bash zsh fish ' +
    'yaml yml toml ini conf cfg env properties sql diff patch tex rst adoc srt vtt lua pl r m cs fs hs ml ex erl clj tf hcl ' +
    'dockerfile makefile cmake gitignore lock svelte vue graphql proto'
  ).split(' '),
);

function extensionOf(key: string): string {
  const name = lastName(key).toLowerCase();
  const dot = name.lastIndexOf('.');
  return dot < 0 ? name : name.slice(dot + 1);
}

/** By the content type where it says something, else by the name. */
export function kindOf(key: string, contentType = ''): Kind {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'image/svg+xml') return 'svg';
  if (/^image\/(png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon)$/.test(type)) return 'image';
  if (type.startsWith('video/')) return 'video';
  if (type.startsWith('audio/')) return 'audio';
  if (type === 'application/pdf') return 'pdf';
  if (type === 'text/markdown') return 'markdown';
  if (type === 'text/csv' || type === 'text/tab-separated-values') return 'csv';
  if (type === 'application/json' || type.endsWith('+json')) return 'json';
  const extension = extensionOf(key);
  const known = BY_EXTENSION[extension];
  if (known) return known[0];
  if (TEXT_EXTENSIONS.has(extension) || type.startsWith('text/') || /^application\/(xml|javascript|x-sh|x-yaml|yaml|toml|sql|x-ndjson)$/.test(type)) return 'text';
  return 'other';
}

/** The type that a preview asks the server to name, so that the browser takes it for nothing else. */
export function previewType(key: string, kind: Kind, contentType: string): string {
  const known = BY_EXTENSION[extensionOf(key)];
  if (known && known[0] === kind) return known[1];
  return contentType.split(';')[0] || 'application/octet-stream';
}

const ICONS: Record<Kind, LucideIcon> = {
  image: FileImage,
  svg: FileImage,
  video: FileVideo,
  audio: FileAudio,
  pdf: FileText,
  markdown: FileText,
  csv: FileSpreadsheet,
  json: FileJson,
  text: FileCode,
  archive: Archive,
  other: File,
};

const element = (Icon: LucideIcon, className: string | undefined) => <Icon size={16} aria-hidden className={className ?? ''} />;
/** Made once each, so that a row that becomes another's leaves its icon as it is. */
const KIND_ICONS = Object.fromEntries(Object.entries(ICONS).map(([kind, Icon]) => [kind, element(Icon, css.kind)])) as Record<Kind, ReactElement>;
const FOLDER_ICON = element(Folder, cx(css.kind, css.folder));

export const KindIcon = ({ name, folder }: { name: string; folder?: boolean }): ReactElement => (folder ? FOLDER_ICON : KIND_ICONS[kindOf(name)]);
