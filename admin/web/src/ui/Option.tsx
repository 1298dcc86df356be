// SPDX-License-Identifier: Apache-2.0
import { Check } from 'lucide-react';
import { ListBoxItem, Text } from 'react-aria-components';
import css from './Field.module.css';

export type Option<K extends string = string> = { id: K; label: string; description?: string; isDisabled?: boolean };

export function OptionItem({ option }: { option: Option }) {
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
