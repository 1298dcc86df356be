// SPDX-License-Identifier: Apache-2.0
import { Check, Minus } from 'lucide-react';
import type { ReactNode } from 'react';
import { Checkbox as AriaCheckbox, Radio, RadioGroup as AriaRadioGroup, Switch as AriaSwitch } from 'react-aria-components';
import { cx } from './cx';
import css from './Field.module.css';
import { Below, FieldLabel, type Common } from './fieldParts';
import type { Option } from './Option';

type ToggleProps = { isSelected: boolean; onChange: (selected: boolean) => void; isDisabled?: boolean; description?: ReactNode; className?: string };

export function Checkbox({ label, hideLabel, isIndeterminate, description, className, ...rest }: ToggleProps & { label: string; hideLabel?: boolean; isIndeterminate?: boolean }) {
  return (
    <AriaCheckbox {...rest} isIndeterminate={isIndeterminate ?? false} className={cx(css.toggle, className)} {...(hideLabel ? { 'aria-label': label } : {})}>
      {({ isSelected }) => (
        <>
          <span className={css.box} aria-hidden>
            {isIndeterminate ? <Minus size={12} strokeWidth={3} /> : isSelected ? <Check size={12} strokeWidth={3} /> : null}
          </span>
          {!hideLabel && (
            <span className={css.toggleText}>
              <span>{label}</span>
              {description && <span className={css.description}>{description}</span>}
            </span>
          )}
        </>
      )}
    </AriaCheckbox>
  );
}

export function Switch({ label, hideLabel, description, className, ...rest }: ToggleProps & { label: string; hideLabel?: boolean }) {
  return (
    <AriaSwitch {...rest} className={cx(css.toggle, className)} {...(hideLabel ? { 'aria-label': label } : {})}>
      <span className={css.track} aria-hidden />
      {!hideLabel && (
        <span className={css.toggleText}>
          <span>{label}</span>
          {description && <span className={css.description}>{description}</span>}
        </span>
      )}
    </AriaSwitch>
  );
}

export function RadioGroup<K extends string>(p: Common & { options: readonly Option<K>[]; value: K; onChange: (value: K) => void; cards?: boolean }) {
  return (
    <AriaRadioGroup className={cx(css.field, p.className)} value={p.value} onChange={(v) => p.onChange(v as K)} isDisabled={p.isDisabled ?? false} isInvalid={Boolean(p.error)} validationBehavior="aria">
      <FieldLabel label={p.label} hideLabel={p.hideLabel} />
      <div className={cx(css.radios, p.cards && css.radioCards)}>
        {p.options.map((o) => (
          <Radio key={o.id} value={o.id} className={css.toggle} isDisabled={o.isDisabled ?? false}>
            <span className={cx(css.box, css.round)} aria-hidden />
            <span className={css.toggleText}>
              <span>{o.label}</span>
              {o.description && <span className={css.description}>{o.description}</span>}
            </span>
          </Radio>
        ))}
      </div>
      <Below description={p.description} error={p.error} />
    </AriaRadioGroup>
  );
}
