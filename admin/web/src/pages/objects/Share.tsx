// SPDX-License-Identifier: Apache-2.0
/* Links for people who can't sign in: to download an object, or to upload some. They are made here, by signing. */
import { useMemo, useState } from 'react';
import { encode as encodeQr } from 'uqr';
import { objectPath, presign, PRESIGN_SECONDS_MAX, signForm, type Credentials } from '../../api/sign';
import { api, s3Endpoint } from '../../app';
import { t } from '../../strings';
import { Button, Callout, Checkbox, CodeBlock, Copyable, Dialog, formatDate, formatRelative, NumberField, RadioGroup, Select, TextField } from '../../ui';
import { attachmentHeader } from './actions';
import { lastName, Name } from './names';
import css from './objects.module.css';

const CHOICES = [
  ['900', 'objects.minutes15'],
  ['3600', 'objects.hour1'],
  ['43200', 'objects.hours12'],
  ['86400', 'objects.day1'],
  ['604800', 'objects.days7'],
] as const;
const SESSION = 'session';

function isUrl(text: string): boolean {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}

/** Who signs, for how long, and where others find the server. */
function useSigner() {
  const client = api();
  const [now] = useState(() => client.now());
  const [choice, setChoice] = useState('3600');
  const [withKey, setWithKey] = useState(false);
  const [key, setKey] = useState('');
  const [secret, setSecret] = useState('');
  const [endpoint, setEndpoint] = useState(s3Endpoint());
  const session = client.credentials;
  const ends = session?.expiration;
  const left = ends === undefined ? PRESIGN_SECONDS_MAX : Math.max(1, Math.floor((ends - now) / 1000));
  const options = CHOICES.filter(([seconds]) => withKey || Number(seconds) <= left).map(([id, label]) => ({ id: id as string, label: t(label) }));
  if (!withKey && ends !== undefined && left < PRESIGN_SECONDS_MAX) options.push({ id: SESSION, label: t('objects.sessionEnd') });
  const chosen = options.some((o) => o.id === choice) ? choice : (options.at(-1)?.id ?? SESSION);
  const seconds = chosen === SESSION ? left : Number(chosen);
  const credentials: Credentials | undefined = withKey ? (key && secret ? { accessKeyId: key.trim(), secretAccessKey: secret } : undefined) : session;
  const fields = (
    <>
      <div className="grid2">
        <Select label={t('objects.expiresIn')} options={options} value={chosen} onChange={setChoice} />
        <TextField label={t('objects.endpoint')} value={endpoint} onChange={setEndpoint} mono error={isUrl(endpoint) ? null : t('objects.endpointHelp')} />
      </div>
      {!withKey && ends !== undefined && left < PRESIGN_SECONDS_MAX && <Callout tone="info">{t('objects.sessionLimit', { time: formatRelative(ends) })}</Callout>}
      <Checkbox label={t('objects.signWithKey')} description={t('objects.signWithKeyHelp')} isSelected={withKey} onChange={setWithKey} />
      {withKey && (
        <div className="grid2">
          <TextField label={t('objects.accessKey')} value={key} onChange={setKey} mono />
          <TextField label={t('objects.secretKey')} value={secret} onChange={setSecret} type="password" mono />
        </div>
      )}
    </>
  );
  return { fields, seconds, credentials: isUrl(endpoint) ? credentials : undefined, endpoint, now, region: client.config.region };
}

/** As a path of an SVG: no markup is made from text. */
function QrCode({ text }: { text: string }) {
  const code = useMemo(() => {
    try {
      return encodeQr(text, { ecc: 'L', border: 2 });
    } catch {
      return null;
    }
  }, [text]);
  if (!code) return <p className="muted">{t('objects.qrTooLong')}</p>;
  const path = code.data.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <div className={css.qr}>
      <svg viewBox={`0 0 ${code.size} ${code.size}`} width={code.size * 3} height={code.size * 3} role="img" aria-label={t('objects.qrLabel')} shapeRendering="crispEdges">
        <path d={path} fill="#000" />
      </svg>
    </div>
  );
}

export function ShareDialog({ bucket, objectKey, versionId, onClose }: { bucket: string; objectKey: string; versionId?: string; onClose: () => void }) {
  const signer = useSigner();
  const [inline, setInline] = useState(false);
  const [qr, setQr] = useState(false);
  const name = lastName(objectKey);
  const link =
    signer.credentials &&
    presign(
      {
        method: 'GET',
        endpoint: signer.endpoint,
        path: objectPath(bucket, objectKey),
        query: [...(versionId ? [['versionId', versionId] as const] : []), ...(inline ? [] : [['response-content-disposition', attachmentHeader(name)] as const])],
        region: signer.region,
        now: signer.now,
        expiresSeconds: signer.seconds,
      },
      signer.credentials,
    );
  return (
    <Dialog isOpen onClose={onClose} size="lg" title={t('objects.shareTitle')} footer={<Button onPress={onClose}>{t('ui.close')}</Button>}>
      <Name text={name} wrap />
      <p className="muted">{t('objects.shareText')}</p>
      {signer.fields}
      <Checkbox label={t('objects.inline')} isSelected={inline} onChange={setInline} />
      {link && (
        <>
          <CodeBlock code={link} label={t('objects.link')} />
          <div className="row wrap">
            <span className="muted">{t('objects.endsAt', { time: formatDate(signer.now + signer.seconds * 1000) })}</span>
            <Button size="sm" onPress={() => setQr(!qr)} aria-expanded={qr}>
              {t('objects.qr')}
            </Button>
          </div>
          {qr && <QrCode text={link} />}
        </>
      )}
    </Dialog>
  );
}

const shellQuote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

export function UploadLinkDialog({ bucket, prefix, onClose }: { bucket: string; prefix: string; onClose: () => void }) {
  const signer = useSigner();
  const [kind, setKind] = useState<'one' | 'form'>('one');
  const [name, setName] = useState('');
  const [size, setSize] = useState<number | null>(100);
  const { credentials } = signer;
  const link =
    kind === 'one' && name !== '' && credentials
      ? presign({ method: 'PUT', endpoint: signer.endpoint, path: objectPath(bucket, prefix + name), region: signer.region, now: signer.now, expiresSeconds: signer.seconds }, credentials)
      : undefined;
  const form =
    kind === 'form' && size && credentials
      ? signForm({ endpoint: signer.endpoint, bucket, prefix, maxBytes: size * 1024 * 1024, region: signer.region, now: signer.now, expiresSeconds: signer.seconds }, credentials)
      : undefined;
  const command = link
    ? `curl -T FILE ${shellQuote(link)}`
    : form
      ? ['curl', ...Object.entries(form.fields).map(([field, value]) => `-F ${shellQuote(`${field}=${value}`)}`), '-F file=@FILE', shellQuote(form.url)].join(' \\\n  ')
      : '';
  return (
    <Dialog isOpen onClose={onClose} size="lg" title={t('objects.uploadLinkTitle')} footer={<Button onPress={onClose}>{t('ui.close')}</Button>}>
      <p className="muted">{t('objects.uploadLinkText')}</p>
      <RadioGroup
        label={t('objects.uploadLinkTitle')}
        hideLabel
        cards
        value={kind}
        onChange={setKind}
        options={[
          { id: 'one', label: t('objects.uploadOne'), description: t('objects.uploadOneHelp') },
          { id: 'form', label: t('objects.uploadForm'), description: t('objects.uploadFormHelp') },
        ]}
      />
      {kind === 'one' ? <TextField label={t('objects.uploadName')} value={name} onChange={setName} autoFocus /> : <NumberField label={t('objects.maxSize')} value={size} onChange={setSize} min={1} max={5 * 1024} />}
      {signer.fields}
      {link && (
        <div className="stack">
          <Copyable value={link} label={t('objects.link')} />
        </div>
      )}
      {command && <CodeBlock code={command} label={t('objects.command')} />}
      {command && <span className="muted">{t('objects.endsAt', { time: formatDate(signer.now + signer.seconds * 1000) })}</span>}
    </Dialog>
  );
}
