// Dialogs over the page, of the browser's own kind: the focus stays in them, and Escape leaves.

import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { Button } from 'tdesign-react';

import { Problem } from './asked.tsx';
import { say } from './say.tsx';

interface DialogProps {
  title: string;
  /** Left out where it must be answered. */
  onClose?: () => void;
  children: ReactNode;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const place = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const dialog = place.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={place}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
    >
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}

interface ActProps {
  /** What the button says. */
  label: string;
  act: () => Promise<unknown>;
  /** What is asked before it is done, naming what it hits; without it, it is done at once. */
  confirm?: ReactNode;
  /** What is said when it is done. */
  done?: string;
  isDangerous?: boolean;
  isMain?: boolean;
}

/** A button that does something: once at a time, asked back where it cannot be undone. */
export function Act({ label, act, confirm, done, isDangerous = false, isMain = false }: ActProps) {
  const [state, setState] = useState<'idle' | 'asking' | 'busy' | 'done'>('idle');
  const [error, setError] = useState<unknown>();
  const run = async () => {
    setState('busy');
    setError(undefined);
    try {
      await act();
      setState('done');
    } catch (refused) {
      setError(refused);
      setState('idle');
    }
  };
  const theme = isDangerous ? 'danger' : isMain ? 'primary' : 'default';
  return (
    <span className="act">
      <Button
        theme={theme}
        variant={isMain ? 'base' : 'outline'}
        size={isMain ? 'medium' : 'small'}
        loading={state === 'busy'}
        onClick={() => (confirm === undefined ? void run() : setState('asking'))}
      >
        {label}
      </Button>
      <span role="status">{state === 'done' && done !== undefined ? ` ${done}` : ''}</span>
      {error !== undefined && <Problem error={error} />}
      {state === 'asking' && (
        <Dialog title={label} onClose={() => setState('idle')}>
          <div>{confirm}</div>
          <div className="buttons">
            <Button theme={isDangerous ? 'danger' : 'primary'} onClick={() => void run()}>
              {label}
            </Button>
            <Button variant="outline" onClick={() => setState('idle')}>
              {say('cancel')}
            </Button>
          </div>
        </Dialog>
      )}
    </span>
  );
}
