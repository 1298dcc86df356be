// SPDX-License-Identifier: Apache-2.0
import { ChevronDown } from 'lucide-react';
import { Button as AriaButton, ListBox, Popover, Select as AriaSelect, SelectValue } from 'react-aria-components';
import { t } from '../strings';
import { cx } from './cx';
import css from './Field.module.css';
import { Below, FieldLabel, type Common } from './fieldParts';
import { OptionItem, type Option } from './Option';

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
