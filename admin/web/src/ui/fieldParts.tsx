// SPDX-License-Identifier: Apache-2.0
// What all fields have. They take label, description (help that is always there) and error (what is wrong; makes the field invalid).
import type { ReactNode } from 'react';
import { FieldError, Label, Text } from 'react-aria-components';
import css from './Field.module.css';

export type Common = {
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

export function FieldLabel({ label, hideLabel }: { label: string; hideLabel?: boolean | undefined }) {
  return <Label className={hideLabel ? 'visually-hidden' : css.label}>{label}</Label>;
}

export function Below({ description, error }: { description?: ReactNode; error?: string | null | undefined }) {
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
