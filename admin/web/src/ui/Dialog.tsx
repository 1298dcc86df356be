// SPDX-License-Identifier: Apache-2.0
import { X } from 'lucide-react';
import { useState, type FormEvent, type ReactNode } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { t } from '../strings';
import { Button, IconButton } from './Button';
import { cx } from './cx';
import css from './Dialog.module.css';
import { ErrorState } from './States';
import { TextField } from './TextField';

export type DialogProps = {
  isOpen: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  size?: 'md' | 'lg' | 'xl';
  /** Work is under way, or its answer is needed: Escape and a click outside do nothing. */
  isModal?: boolean;
  /** Makes the whole a form: Enter in a field submits. */
  onSubmit?: () => void;
  role?: 'dialog' | 'alertdialog';
};

function Inside({ title, children, footer, isModal, onSubmit, onClose, role = 'dialog' }: DialogProps) {
  const content = (
    <>
      <div className={css.head}>
        <Heading slot="title" level={2}>
          {title}
        </Heading>
        {!isModal && <IconButton size="sm" label={t('ui.close')} icon={X} onPress={onClose} />}
      </div>
      <div className={css.body}>{children}</div>
      {footer && <div className={css.foot}>{footer}</div>}
    </>
  );
  const submit = (e: FormEvent) => {
    e.preventDefault();
    e.stopPropagation();
    onSubmit?.();
  };
  return (
    <AriaDialog className={css.dialog} role={role}>
      {onSubmit ? (
        <form onSubmit={submit} className={css.dialog} noValidate>
          {content}
        </form>
      ) : (
        content
      )}
    </AriaDialog>
  );
}

export function Dialog(p: DialogProps) {
  return (
    <ModalOverlay className={css.overlay} isOpen={p.isOpen} onOpenChange={(open) => !open && p.onClose()} isDismissable={!p.isModal} isKeyboardDismissDisabled={p.isModal ?? false}>
      <Modal className={cx(css.modal, p.size === 'lg' && css.lg, p.size === 'xl' && css.xl)}>
        <Inside {...p} />
      </Modal>
    </ModalOverlay>
  );
}

/** A panel at the right edge: details of a row while its list stays in sight. */
export function Drawer(p: DialogProps) {
  return (
    <ModalOverlay className={css.drawerOverlay} isOpen={p.isOpen} onOpenChange={(open) => !open && p.onClose()} isDismissable={!p.isModal} isKeyboardDismissDisabled={p.isModal ?? false}>
      <Modal className={css.drawer}>
        <Inside {...p} />
      </Modal>
    </ModalOverlay>
  );
}

export type FormDialogProps = Pick<DialogProps, 'title' | 'size' | 'isModal' | 'role' | 'onClose'> & {
  /** What the button says. */
  action: string;
  danger?: boolean;
  /** There is nothing to send yet. */
  isDisabled?: boolean;
  /** What is filled in cannot be sent: the button shows where. */
  isWrong?: boolean;
  /** Ends with what closes the dialog; what it throws is shown in it. */
  onSend: () => Promise<unknown>;
  /** A function is told whether it was tried to send, which is when to say what is wrong. */
  children: ReactNode | ((tried: boolean) => ReactNode);
};

/** What is filled in and sent, one request at a time. */
export function FormDialog({ action, danger, isDisabled, isWrong, isModal, onSend, onClose, children, ...rest }: FormDialogProps) {
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const send = async () => {
    setTried(true);
    if (isDisabled || isWrong || busy) return;
    setBusy(true);
    setError(null);
    try {
      await onSend();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      {...rest}
      isOpen
      isModal={busy || (isModal ?? false)}
      onClose={() => !busy && onClose()}
      onSubmit={() => void send()}
      footer={
        <>
          <Button onPress={onClose} isDisabled={busy}>
            {t('ui.cancel')}
          </Button>
          <Button type="submit" variant={danger ? 'danger' : 'primary'} isPending={busy} isDisabled={isDisabled ?? false}>
            {action}
          </Button>
        </>
      }
    >
      {typeof children === 'function' ? children(tried) : children}
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}

export type ConfirmDialogProps = {
  isOpen: boolean;
  onClose: () => void;
  title: ReactNode;
  children: ReactNode;
  confirmLabel: string;
  /** Has to be typed before the button works: for what cannot be undone. */
  typed?: string;
  /** What it is about is not known yet. */
  isDisabled?: boolean;
  danger?: boolean;
  /** Closed when it resolves; what it throws is shown in the dialog. */
  onConfirm: () => Promise<unknown> | void;
};

export function ConfirmDialog(p: ConfirmDialogProps) {
  // The state lives only as long as the dialog is open, so it starts empty each time.
  return p.isOpen ? <Confirm {...p} /> : null;
}

function Confirm({ onClose, title, children, confirmLabel, typed, isDisabled, danger, onConfirm }: ConfirmDialogProps) {
  const [text, setText] = useState('');
  return (
    <FormDialog
      role="alertdialog"
      title={title}
      action={confirmLabel}
      danger={danger ?? false}
      isDisabled={Boolean(isDisabled) || (typed !== undefined && text !== typed)}
      onClose={onClose}
      onSend={async () => {
        await onConfirm();
        onClose();
      }}
    >
      <div className="stack">{children}</div>
      {typed !== undefined && <TextField label={t('ui.typeToConfirm', { name: typed })} value={text} onChange={setText} mono autoFocus />}
    </FormDialog>
  );
}
