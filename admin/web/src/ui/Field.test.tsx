// SPDX-License-Identifier: Apache-2.0
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { useState } from 'react';
import { describe, expect, it, vi } from 'vitest';
import { hostile } from '../test/hostile';
import { Checkbox, ComboBox, NumberField, RadioGroup, Select, Switch, TextField } from './Field';

describe('TextField', () => {
  it('joins label, description and error to the field', () => {
    render(<TextField label="Name" description="Help" error="Wrong" value="" onChange={() => {}} />);
    const field = screen.getByRole('textbox', { name: 'Name' });
    expect(field.getAttribute('aria-invalid')).toBe('true');
    const described = (field.getAttribute('aria-describedby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent);
    expect(described.join(' ')).toContain('Help');
    expect(described.join(' ')).toContain('Wrong');
  });
  it('shows and hides a secret', async () => {
    const user = userEvent.setup();
    render(<TextField label="Secret" type="password" value="abc" onChange={() => {}} />);
    const field = screen.getByLabelText('Secret');
    expect(field.getAttribute('type')).toBe('password');
    await user.click(screen.getByRole('button', { name: 'Show' }));
    expect(field.getAttribute('type')).toBe('text');
  });
});

describe('NumberField', () => {
  it('takes digits only, and says its range', async () => {
    const user = userEvent.setup();
    function Host() {
      const [value, setValue] = useState<number | null>(null);
      return <NumberField label="Days" value={value} onChange={setValue} min={1} max={100} />;
    }
    render(<Host />);
    await user.type(screen.getByRole('textbox'), '-2x50');
    expect(screen.getByRole('textbox')).toHaveProperty('value', '250');
    expect(screen.getByText('Between 1 and 100')).toBeTruthy();
  });
});

describe('Select', () => {
  const options = hostile.map((label, i) => ({ id: String(i), label }));
  it('chooses by keyboard, and shows hostile labels as text', async () => {
    const user = userEvent.setup();
    const onChange = vi.fn();
    render(<Select label="Which" options={options} value="0" onChange={onChange} />);
    const button = screen.getByRole('button', { name: /Which/ });
    expect(button.textContent).toContain(hostile[0]);
    await user.click(button);
    expect(screen.getAllByRole('option')).toHaveLength(hostile.length);
    await user.keyboard('{ArrowDown}{Enter}');
    expect(onChange).toHaveBeenCalledWith('1');
    expect(document.querySelector('script,img,svg[onload]')).toBeNull();
  });
});

describe('ComboBox', () => {
  it('takes what is typed where that is allowed', async () => {
    const user = userEvent.setup();
    function Host() {
      const [value, setValue] = useState('');
      return (
        <>
          <ComboBox label="Bucket" allowsCustom options={[{ id: 'photos', label: 'photos' }]} value={value} onChange={setValue} />
          <output>{value}</output>
        </>
      );
    }
    render(<Host />);
    await user.type(screen.getByRole('combobox'), 'other');
    expect(document.querySelector('output')?.textContent).toBe('other');
  });
});

describe('toggles', () => {
  it('have names without a visible label, and state', async () => {
    const user = userEvent.setup();
    const onChange = vi.fn();
    render(
      <>
        <Checkbox label="Pick" hideLabel isSelected={false} isIndeterminate onChange={onChange} />
        <Switch label="Versioning" isSelected onChange={onChange} />
        <RadioGroup
          label="Kind"
          value="a"
          onChange={onChange}
          options={[
            { id: 'a', label: 'A' },
            { id: 'b', label: 'B', description: 'Second' },
          ]}
        />
      </>,
    );
    await user.click(screen.getByRole('checkbox', { name: 'Pick' }));
    expect(screen.getByRole('switch', { name: 'Versioning' })).toHaveProperty('checked', true);
    await user.click(screen.getByRole('radio', { name: /B/ }));
    expect(onChange).toHaveBeenLastCalledWith('b');
  });
});
