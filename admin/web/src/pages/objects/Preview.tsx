// SPDX-License-Identifier: Apache-2.0
/*
 * A look into an object. Nothing of it runs: text is text, SVG is an <img> (where browsers run no scripts), media and
 * PDF are read by URLs of this origin that last minutes, with the type that the preview expects.
 */
import { useQuery } from '@tanstack/react-query';
import { EyeOff } from 'lucide-react';
import { Suspense, useMemo, useState, type ReactNode } from 'react';
import { getObject, type ObjectHead, type ObjectRef } from '../../api/s3';
import { api } from '../../app';
import { lazily } from '../../app/lazily';
import { wasAway } from '../../app/reachable';
import { t } from '../../strings';
import { Button, cx, EmptyState, ErrorState, formatBytes, formatNumber, Loading } from '../../ui';
import { ownUrl } from './actions';
import { parseCsv, separatorOf } from './csv';
import { kindOf, lastName, previewType, visible, type Kind } from './names';
import css from './objects.module.css';

const Markdown = lazily(() => import('./Markdown'));
const Pdf = lazily(() => import('./Pdf'));
const TEXT_MAX = 512 * 1024;
/** Each part of a JSON is an element: more would be slow. */
const COLOURED_MAX = 128 * 1024;
/** What is nested deeply grows by its indentation without end. */
const INDENTED_MAX = 4 * 1024 ** 2;
const ROWS_MAX = 200;
const MEDIA_SECONDS = 6 * 3600;

const JSON_TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

/** JSON with its parts in colours: elements around texts, nothing of it is markup. In what is no JSON the search could take for ever. */
function coloured(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let at = 0;
  for (const m of text.matchAll(JSON_TOKEN)) {
    const word = m[1] ?? m[0];
    out.push(text.slice(at, m.index), <span key={m.index} className={m[2] ? css.key : m[1] ? css.string : css.literal}>{word}</span>);
    at = m.index + word.length;
  }
  return [...out, text.slice(at)];
}

/** Indented and coloured, unless that is too much; what is no JSON stays as it is. */
export function prettyJson(text: string): ReactNode {
  let pretty: string;
  try {
    pretty = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
  if (pretty.length > INDENTED_MAX) return text;
  return pretty.length > COLOURED_MAX ? pretty : coloured(pretty);
}

function Json({ text }: { text: string }) {
  return useMemo(() => prettyJson(text), [text]);
}

const FIGURE = /^-?[\d.,]*\d%?$/;

function Csv({ text }: { text: string }) {
  const [head, rows] = useMemo(() => {
    const [first, ...rest] = parseCsv(text, separatorOf(text), ROWS_MAX + 1);
    return [first, rest] as const;
  }, [text]);
  const figures = useMemo(() => head?.map((_, i) => rows.some((r) => r[i]) && rows.every((r) => !r[i] || FIGURE.test(r[i]))) ?? [], [head, rows]);
  const look = (i: number) => (figures[i] ? css.figure : undefined);
  return (
    <>
      <div className={css.tableWrap} tabIndex={0} role="region" aria-label={t('objects.tabPreview')}>
        <table>
          <thead>
            <tr>
              {head?.map((cell, i) => (
                <th key={i} scope="col" className={look(i)}>
                  {visible(cell)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>
                {row.map((cell, k) => (
                  <td key={k} title={cell} className={look(k)}>
                    {visible(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length >= ROWS_MAX && <p className="muted">{t('objects.previewRows', { rows: formatNumber(ROWS_MAX) })}</p>}
    </>
  );
}

function TextPreview({ refTo, head, kind }: { refTo: ObjectRef; head: ObjectHead; kind: Kind }) {
  const body = useQuery({
    queryKey: ['objects', refTo.bucket, 'text', refTo.key, refTo.versionId, head.etag],
    queryFn: async ({ signal }) => {
      const reply = await getObject(api(), refTo, { range: [0, TEXT_MAX - 1], signal });
      return new TextDecoder().decode(await reply.arrayBuffer());
    },
    gcTime: 0,
  });
  if (body.isPending) return <Loading rows={6} />;
  if (body.error) return <ErrorState error={body.error} compact onRetry={() => void body.refetch()} />;
  const whole = head.size <= TEXT_MAX;
  return (
    <>
      {kind === 'markdown' ? (
        <Suspense fallback={<Loading rows={6} />}>
          <Markdown text={body.data} />
        </Suspense>
      ) : kind === 'csv' ? (
        <Csv text={body.data} />
      ) : (
        <pre className={css.text} tabIndex={0} role="region" aria-label={t('objects.tabPreview')}>
          {kind === 'json' && whole ? <Json text={body.data} /> : body.data}
        </pre>
      )}
      {!whole && <p className="muted">{t('objects.previewPart', { size: formatBytes(TEXT_MAX), total: formatBytes(head.size) })}</p>}
    </>
  );
}

export function Preview({ refTo, head }: { refTo: ObjectRef; head: ObjectHead }) {
  const [asText, setAsText] = useState(false);
  const [broken, setBroken] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const { bucket, key, versionId } = refTo;
  const kind = asText ? 'text' : kindOf(key, head.contentType);
  const media = kind === 'image' || kind === 'svg' || kind === 'video' || kind === 'audio' || kind === 'pdf';
  // Made once for an object: a new one would load it anew.
  const url = useMemo(
    () => (media ? ownUrl(api(), { bucket, key, ...(versionId && { versionId }) }, [['response-content-type', previewType(key, kind, head.contentType)]], MEDIA_SECONDS) : undefined),
    [media, bucket, key, versionId, kind, head.contentType],
  );
  const label = t('objects.previewAlt', { name: visible(lastName(key)) });
  if (head.encryption === 'SSE-C') return <EmptyState icon={EyeOff} title={t('objects.noPreview')}>{t('objects.previewEncrypted')}</EmptyState>;
  if (head.size === 0) return <EmptyState icon={EyeOff} title={t('objects.previewEmpty')} />;
  if (broken)
    return (
      <EmptyState icon={EyeOff} title={t('objects.previewFailed')}>
        {t('objects.previewFailedAdvice')}
      </EmptyState>
    );
  if (url !== undefined) {
    const failed = () => void wasAway().then((away) => (away ? setAttempt(attempt + 1) : setBroken(true)));
    if (kind === 'pdf')
      return (
        <Suspense fallback={<Loading rows={6} />}>
          <Pdf url={url} label={label} />
        </Suspense>
      );
    return (
      <div className={cx(css.preview, (kind === 'image' || kind === 'svg') && css.checker)}>
        {(kind === 'image' || kind === 'svg') && <img key={attempt} src={url} alt={label} onError={failed} referrerPolicy="no-referrer" />}
        {kind === 'video' && <video key={attempt} src={url} controls preload="metadata" aria-label={label} onError={failed} />}
        {kind === 'audio' && <audio key={attempt} src={url} controls preload="metadata" aria-label={label} onError={failed} />}
      </div>
    );
  }
  if (kind === 'other' || kind === 'archive')
    return (
      <EmptyState icon={EyeOff} title={t('objects.noPreview')} actions={<Button onPress={() => setAsText(true)}>{t('objects.showAsText')}</Button>}>
        {head.contentType}
      </EmptyState>
    );
  return <TextPreview refTo={refTo} head={head} kind={kind} />;
}
