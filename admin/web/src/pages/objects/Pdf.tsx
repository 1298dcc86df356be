// SPDX-License-Identifier: Apache-2.0
/* A PDF, a page at a time, drawn on a canvas: scripts and forms of the document are not run, links are not followed. */
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { getDocument, GlobalWorkerOptions, type PDFDocumentLoadingTask, type PDFDocumentProxy } from 'pdfjs-dist';
import workerUrl from 'pdfjs-dist/build/pdf.worker.min.mjs?url';
import { useEffect, useRef, useState } from 'react';
import { patiently } from '../../app/lazily';
import { t } from '../../strings';
import { ErrorState, IconButton, Loading } from '../../ui';
import css from './objects.module.css';

GlobalWorkerOptions.workerSrc = workerUrl;
const WIDTH_PX = 1000;
const PIXELS_MAX = 16_000_000;

export default function Pdf({ url, label }: { url: string; label: string }) {
  const [document, setDocument] = useState<PDFDocumentProxy | null>(null);
  const [number, setNumber] = useState(1);
  const [error, setError] = useState<unknown>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let task: PDFDocumentLoadingTask | undefined;
    let gone = false;
    const open = async () => {
      if (gone) return null;
      void task?.destroy();
      task = getDocument({ url, isEvalSupported: false, enableXfa: false, disableAutoFetch: true, useSystemFonts: true });
      return task.promise;
    };
    // The library asks for its worker once, and never again when that fails. What came here stays in the browser's cache.
    const fetchWorker = async () => {
      const reply = await fetch(workerUrl);
      if (!reply.ok) throw new Error(reply.statusText);
      await reply.blob();
    };
    patiently(fetchWorker)
      .then(() => patiently(open))
      .then((opened) => !gone && setDocument(opened), (e: unknown) => !gone && setError(e));
    return () => {
      gone = true;
      void task?.destroy();
    };
  }, [url]);
  useEffect(() => {
    if (!document) return;
    let stop = () => {};
    let gone = false;
    void (async () => {
      try {
        const page = await document.getPage(number);
        const plain = page.getViewport({ scale: 1 });
        const scale = Math.min(WIDTH_PX / plain.width, Math.sqrt(PIXELS_MAX / (plain.width * plain.height)));
        const viewport = page.getViewport({ scale });
        const target = canvas.current;
        const context = target?.getContext('2d');
        if (gone || !target || !context) return;
        target.width = Math.floor(viewport.width);
        target.height = Math.floor(viewport.height);
        const render = page.render({ canvasContext: context, viewport });
        stop = () => render.cancel();
        await render.promise;
      } catch (e) {
        if (!gone && (e as Error).name !== 'RenderingCancelledException') setError(e);
      }
    })();
    return () => {
      gone = true;
      stop();
    };
  }, [document, number]);
  if (error !== null) return <ErrorState error={new Error(t('objects.previewFailed'))} compact />;
  if (!document) return <Loading rows={5} />;
  return (
    <div className={css.pdf}>
      <div className="row">
        <IconButton size="sm" icon={ChevronLeft} label={t('objects.previousPage')} isDisabled={number <= 1} onPress={() => setNumber(number - 1)} />
        <span className="muted num">{t('objects.pageOf', { page: number, count: document.numPages })}</span>
        <IconButton size="sm" icon={ChevronRight} label={t('objects.nextPage')} isDisabled={number >= document.numPages} onPress={() => setNumber(number + 1)} />
      </div>
      <canvas ref={canvas} role="img" aria-label={label} />
    </div>
  );
}
