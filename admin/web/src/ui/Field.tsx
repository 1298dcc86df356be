// SPDX-License-Identifier: Apache-2.0
// Fields of forms. All take label, description (help that is always there) and error (what is wrong; makes the field invalid).
import { Check, ChevronDown, Eye, EyeOff, Minus, Search, X } from 'lucide-react';
import { useState, type HTMLInputTypeAttribute, type ReactNode } from 'react';
import {
  Button as AriaButton,
  Checkbox as AriaCheckbox,
  ComboBox as AriaComboBox,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Radio,
  RadioGroup as AriaRadioGroup,
  SearchField as AriaSearchField,
  Select as AriaSelect,
  SelectValue,
  Switch as AriaSwitch,
  Text,
  TextArea,
  TextField as AriaTextField,
} from 'react-aria-components';
import { t } from '../strings';
import { IconButton } from './Button';
import { cx } from './cx';
import css from './Field.module.css';

type Common = {
  label: string;
  /** The label is there for assistive technology only. */
  hideLabel?: boolean;
  description?: ReactNode;
  error?: string | null | undefined;
  isDisabled?: boolean;
  isRequired?: boolean;
  size?: 'sm' | 'md';
  className?: string;
};

function FieldLabel({ label, hideLabel }: { label: string; hideLabel?: boolean | undefined }) {
  return <Label className={hideLabel ? 'visually-hidden' : css.label}>{label}</Label>;
}

function Below({ description, error }: { description?: ReactNode; error?: string | null | undefined }) {
  return (
    <>
      {description && (
        <Text slot="description" className={css.description}>
          {description}
        </Text>
      )}
      <FieldError className={css.error}>{error}</FieldError>
    </>
  );
}

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

export type Option<K extends string = string> = { id: K; label: string; description?: string; isDisabled?: boolean };

function OptionItem({ option }: { option: Option }) {
  return (
    <ListBoxItem id={option.id} textValue={option.label} className={css.option} isDisabled={option.isDisabled ?? false}>
      {({ isSelected }) => (
        <>
          <Text slot="label">{option.label}</Text>
          {option.description && (
            <Text slot="description" className={css.optionHint}>
              {option.description}
            </Text>
          )}
          {isSelected && <Check size={15} aria-hidden />}
        </>
      )}
    </ListBoxItem>
  );
}

export function Select<K extends string>(p: Common & { options: readonly Option<K>[]; value: K | null; onChange: (value: K) => void; placeholder?: string }) {
  const chosen = p.options.find((o) => o.id === p.value);
  return (
    <AriaSelect
      className={cx(css.field, p.size === 'sm' && css.small, p.className)}
      selectedKey={p.value}
      onSelectionChange={(key) => key !== null && p.onChange(String(key) as K)}
      isInvalid={Boolean(p.error)}
      isDisabled={p.isDisabled ?? false}
      isRequired={p.isRequired ?? false}
      validationBehavior="aria"
    >
      <FieldLabel label={p.label} hideLabel={p.hideLabel} />
      <div className={css.control}>
        <AriaButton className={css.trigger}>
          <SelectValue>{() => chosen?.label ?? p.placeholder ?? t('ui.choose')}</SelectValue>
          <ChevronDown size={15} aria-hidden />
        </AriaButton>
      </div>
      <Below description={p.description} error={p.error} />
      <Popover className={css.popover} offset={4}>
        <ListBox className={css.list} items={p.options}>
          {(o) => <OptionItem option={o} />}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

/** A text with suggestions. With allowsCustom what is typed counts as well, otherwise only one of the options. */
export function ComboBox(p: Common & { options: readonly Option[]; value: string; onChange: (value: string) => void; allowsCustom?: boolean; placeholder?: string; mono?: boolean; autoFocus?: boolean }) {
  const labelOf = (id: string) => p.options.find((o) => o.id === id)?.label ?? (p.allowsCustom ? id : '');
  const [typed, setTyped] = useState(labelOf(p.value));
  const [last, setLast] = useState(p.value);
  if (last !== p.value) {
    setLast(p.value);
    setTyped(labelOf(p.value));
  }
  return (
    <AriaComboBox
      className={cx(css.field, p.size === 'sm' && css.small, p.className)}
      inputValue={typed}
      onInputChange={(text) => {
        setTyped(text);
        if (p.allowsCustom) {
          setLast(text);
          p.onChange(text);
        }
      }}
      selectedKey={p.options.some((o) => o.id === p.value) ? p.value : null}
      onSelectionChange={(key) => {
        if (key !== null) {
          setTyped(labelOf(String(key)));
          setLast(String(key));
          p.onChange(String(key));
        }
      }}
      allowsCustomValue={p.allowsCustom ?? false}
      allowsEmptyCollection
      menuTrigger="focus"
      isInvalid={Boolean(p.error)}
      isDisabled={p.isDisabled ?? false}
      isRequired={p.isRequired ?? false}
      validationBehavior="aria"
      defaultItems={p.options}
    >
      <FieldLabel label={p.label} hideLabel={p.hideLabel} />
      <div className={css.control}>
        <Input className={cx(css.input, p.mono && css.mono)} placeholder={p.placeholder} spellCheck={false} autoComplete="off" autoFocus={p.autoFocus} />
        <IconButton size="sm" label={t('ui.suggestions')} icon={ChevronDown} />
      </div>
      <Below description={p.description} error={p.error} />
      <Popover className={css.popover} offset={4}>
        <ListBox<Option> className={css.list} renderEmptyState={() => <div className={css.none}>{t('ui.noMatch')}</div>}>
          {(o) => <OptionItem option={o} />}
        </ListBox>
      </Popover>
    </AriaComboBox>
  );
}

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
