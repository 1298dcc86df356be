// SPDX-License-Identifier: Apache-2.0
/*
 * Markdown as React's own nodes: no HTML is made of text, and what is written as HTML is left out. Images would ask
 * other hosts, so their description stands for them; links are those of the web and of mail, and open elsewhere.
 */
import ReactMarkdown from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { t } from '../../strings';
import css from './objects.module.css';

export default function Markdown({ text }: { text: string }) {
  return (
    <div className={css.markdown} tabIndex={0}>
      <ReactMarkdown
        skipHtml
        remarkPlugins={[remarkGfm]}
        disallowedElements={['input']}
        components={{
          img: ({ alt }) => <em>[{t('objects.imageLeftOut', { alt: alt ?? '' })}]</em>,
          a: ({ href, children }) =>
            href && /^(https?:|mailto:)/i.test(href) ? (
              <a href={href} target="_blank" rel="noopener noreferrer nofollow">
                {children}
              </a>
            ) : (
              <span>{children}</span>
            ),
          th: ({ children }) => <th>{children}</th>,
          td: ({ children }) => <td>{children}</td>,
        }}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
}
