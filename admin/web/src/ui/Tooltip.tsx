// SPDX-License-Identifier: Apache-2.0
import type { ReactElement } from 'react';
import { Tooltip as AriaTooltip, TooltipTrigger } from 'react-aria-components';
import css from './Tooltip.module.css';

/** Round a focusable element of react-aria (Button, Link): says what it is when it is pointed at or focused. */
export function Tooltip({ text, children }: { text: string; children: ReactElement }) {
  return (
    <TooltipTrigger delay={450} closeDelay={80}>
      {children}
      <AriaTooltip className={css.tip} offset={6}>
        {text}
      </AriaTooltip>
    </TooltipTrigger>
  );
}
