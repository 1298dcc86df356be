// SPDX-License-Identifier: Apache-2.0
import { Eye, EyeOff, Search, X } from 'lucide-react';
import { useState, type HTMLInputTypeAttribute, type ReactNode } from 'react';
import { Input, SearchField as AriaSearchField, TextArea, TextField as AriaTextField } from 'react-aria-components';
import { t } from '../strings';
import { IconButton } from './Button';
import { cx } from './cx';
import css from './Field.module.css';
import { Below, FieldLabel, type Common } from './fieldParts';

export type TextFieldProps = Common & {
  value: string;
  onChange: (value: string) => void;
  type?: HTMLInputTypeAttribute;
  placeholder?: string;
  prefix?: ReactNode;
  suffix?: ReactNode;
  multiline?: boolean;
  rows?: number;
  mono?: boolean;
  autoFocus?: boolean;
  autoComplete?: string;
  maxLength?: number;
  name?: string;
  isReadOnly?: boolean;
  inputMode?: 'text' | 'numeric' | 'decimal' | 'url' | 'search';
};

export function TextField(p: TextFieldProps) {
  const [shown, setShown] = useState(false);
  const secret = p.type === 'password';
  return (
    <AriaTextField
      className={cx(css.field, p.size === 'sm' && css.small, p.className)}
      value={p.value}
      onChange={p.onChange}
      type={secret && shown ? 'text' : (p.type ?? 'text')}
      isInvalid={Boolean(p.error)}
      isDisabled={p.isDisabled ?? false}
      isRequired={p.isRequired ?? false}
      isReadOnly={p.isReadOnly ?? false}
      validationBehavior="aria"
      autoComplete={p.autoComplete ?? 'off'}
      autoFocus={p.autoFocus ?? false}
      {...(p.name ? { name: p.name } : {})}
      {...(p.maxLength ? { maxLength: p.maxLength } : {})}
      {...(p.inputMode ? { inputMode: p.inputMode } : {})}
    >
      <FieldLabel label={p.label} hideLabel={p.hideLabel} />
      <div className={css.control}>
        {p.prefix && <span className={css.affix}>{p.prefix}</span>}
        {p.multiline ? (
          <TextArea className={cx(css.input, p.mono && css.mono)} placeholder={p.placeholder} rows={p.rows ?? 4} spellCheck={false} />
        ) : (
          <Input className={cx(css.input, p.mono && css.mono)} placeholder={p.placeholder} spellCheck={false} autoCapitalize="off" />
        )}
        {p.suffix && <span className={css.affix}>{p.suffix}</span>}
        {secret && (
          <IconButton
            size="sm"
            label={shown ? t('ui.hideSecret') : t('ui.showSecret')}
            icon={shown ? EyeOff : Eye}
            onPress={() => setShown(!shown)}
          />
        )}
      </div>
      <Below description={p.description} error={p.error} />
    </AriaTextField>
  );
}

/** Whole numbers; null is an empty field. */
export function NumberField({
  value,
  onChange,
  min,
  max,
  ...rest
}: Omit<TextFieldProps, 'value' | 'onChange' | 'type' | 'multiline'> & { value: number | null; onChange: (value: number | null) => void; min?: number; max?: number }) {
  const wrong = value !== null && ((min !== undefined && value < min) || (max !== undefined && value > max));
  const range = max === undefined ? t('ui.atLeast', { min: min ?? 0 }) : t('ui.between', { min: min ?? 0, max });
  return (
    <TextField
      {...rest}
      inputMode="numeric"
      value={value === null ? '' : String(value)}
      error={rest.error ?? (wrong ? range : null)}
      onChange={(text) => {
        const digits = text.replace(/[^0-9]/g, '').slice(0, 15);
        onChange(digits === '' ? null : Number(digits));
      }}
    />
  );
}

export function SearchField({ label, value, onChange, placeholder, size, className, autoFocus }: { label: string; value: string; onChange: (value: string) => void; placeholder?: string; size?: 'sm' | 'md'; className?: string; autoFocus?: boolean }) {
  return (
    <AriaSearchField aria-label={label} value={value} onChange={onChange} autoFocus={autoFocus ?? false} className={cx(css.field, size === 'sm' && css.small, className)}>
      <div className={css.control}>
        <span className={css.affix}>
          <Search size={15} aria-hidden />
        </span>
        <Input className={css.input} placeholder={placeholder ?? label} spellCheck={false} autoComplete="off" />
        {value !== '' && <IconButton size="sm" label={t('ui.clear')} icon={X} />}
      </div>
    </AriaSearchField>
  );
}
