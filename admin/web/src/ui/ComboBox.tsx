// SPDX-License-Identifier: Apache-2.0
import { ChevronDown } from 'lucide-react';
import { useState } from 'react';
import { ComboBox as AriaComboBox, Input, ListBox, Popover } from 'react-aria-components';
import { t } from '../strings';
import { IconButton } from './Button';
import { cx } from './cx';
import css from './Field.module.css';
import { Below, FieldLabel, type Common } from './fieldParts';
import { OptionItem, type Option } from './Option';

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
