// Forms: fields with their labels, and with what the API says of each.

import { useId, useState, type FormEvent, type ReactNode } from 'react';
import { Button } from 'tdesign-react';

import { Refusal } from './api.ts';
import { Problem } from './asked.tsx';
import { say } from './say.tsx';
import { visible } from './visible.ts';

export interface Field {
  name: string;
  label: string;
  kind?: 'text' | 'number' | 'date' | 'datetime-local' | 'month' | 'select' | 'area' | 'check';
  /** Of a select; the empty value is a choice where it is not required. */
  options?: readonly { value: string; label: string }[];
  isRequired?: boolean;
  help?: string;
  /** Where the API tells what is wrong with it, when that is not its name: `attribution.model`. */
  path?: string;
  isFixed?: boolean;
  /** Suggestions, from which something else may be typed. */
  suggestions?: readonly string[];
}

/** Texts as they were typed; a check is 'yes' or ''. */
type Typed = Readonly<Record<string, string>>;

interface FormProps {
  fields: readonly Field[];
  initial?: Typed;
  label: string;
  /** Throws a `Refusal`, or `Mistake` for what it sees itself. */
  submit: (typed: Typed) => Promise<unknown>;
  done?: string;
  children?: (typed: Typed) => ReactNode;
}

/** What is wrong with a field, as the desk sees before the API is asked. */
export class Mistake extends Refusal {
  constructor(path: string, message: string) {
    super({ code: 'invalid', title: say('not_yet_right'), detail: '', status: 0, errors: [{ path, message }] });
  }
}

/** What is typed stays there when it is refused, and while somebody signs in again. */
export function Form({ fields, initial = {}, label, submit, done, children }: FormProps) {
  const [typed, setTyped] = useState<Typed>(() => ({ ...Object.fromEntries(fields.map(({ name }) => [name, ''])), ...initial }));
  const [state, setState] = useState<'idle' | 'busy' | 'done'>('idle');
  const [error, setError] = useState<unknown>();
  const errors = error instanceof Refusal ? (error.problem.errors ?? []) : [];
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (state === 'busy') return;
    setState('busy');
    setError(undefined);
    try {
      await submit(typed);
      setState('done');
    } catch (refused) {
      setError(refused);
      setState('idle');
    }
  };
  return (
    <form onSubmit={(event) => void send(event)} className="fields">
      {fields.map((field) => {
        const { name } = field;
        const wrong = errors.find(({ path }) => isOf(field, path))?.message;
        const change = (value: string) => {
          setState('idle');
          setTyped((before) => ({ ...before, [name]: value }));
        };
        return <FieldRow key={name} field={field} value={typed[name] ?? ''} change={change} {...(wrong !== undefined && { wrong })} />;
      })}
      {children?.(typed)}
      {error !== undefined && (
        <Problem error={error} except={errors.filter(({ path }) => fields.some((field) => isOf(field, path))).map(({ path }) => path)} />
      )}
      <div className="buttons">
        <Button type="submit" theme="primary" loading={state === 'busy'}>
          {label}
        </Button>
        <span role="status">{state === 'done' ? (done ?? say('saved')) : ''}</span>
      </div>
    </form>
  );
}

function isOf({ name, path = name }: Field, told: string): boolean {
  return told === path || told.startsWith(`${path}.`);
}

interface FieldRowProps {
  field: Field;
  value: string;
  change: (value: string) => void;
  wrong?: string;
}

function FieldRow({ field, value, change, wrong }: FieldRowProps) {
  const id = useId();
  const { label, help, isRequired = false, kind } = field;
  const told = [help === undefined ? '' : `${id}-help`, wrong === undefined ? '' : `${id}-wrong`].filter((one) => one !== '').join(' ');
  return (
    <div className={kind === 'check' ? 'field check' : 'field'}>
      <label htmlFor={id}>
        {label}
        {isRequired && <span className="faint"> {say('required')}</span>}
      </label>
      <Input field={field} value={value} change={change} id={id} told={told} isWrong={wrong !== undefined} />
      {help !== undefined && (
        <small id={`${id}-help`} className="faint">
          {help}
        </small>
      )}
      {wrong !== undefined && (
        <small id={`${id}-wrong`} className="wrong">
          ✕ {visible(wrong)}
        </small>
      )}
    </div>
  );
}

interface InputProps extends Omit<FieldRowProps, 'wrong'> {
  id: string;
  told: string;
  isWrong: boolean;
}

function Input({ field, value, change, id, told, isWrong }: InputProps) {
  const { kind = 'text', name, options = [], isRequired = false, isFixed = false, suggestions } = field;
  const common = {
    id,
    name,
    required: isRequired,
    disabled: isFixed,
    'aria-invalid': isWrong,
    ...(told !== '' && { 'aria-describedby': told }),
  };
  if (kind === 'check') {
    return <input {...common} type="checkbox" checked={value === 'yes'} onChange={({ target }) => change(target.checked ? 'yes' : '')} />;
  }
  if (kind === 'area') return <textarea {...common} rows={4} value={value} onChange={({ target }) => change(target.value)} />;
  if (kind === 'select') {
    return (
      <select {...common} value={value} onChange={({ target }) => change(target.value)}>
        {!isRequired && <option value="">{say('all_or_none')}</option>}
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    );
  }
  return (
    <>
      <input
        {...common}
        type={kind === 'number' ? 'text' : kind}
        {...(kind === 'number' && { inputMode: 'decimal' as const })}
        {...(suggestions !== undefined && { list: `${id}-list` })}
        autoComplete="off"
        value={value}
        onChange={({ target }) => change(target.value)}
      />
      {suggestions !== undefined && (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </>
  );
}

/** The fields by which a list is filtered; what is chosen stands in the page's address. */
export function Filters({ fields, query, choose }: { fields: readonly Field[]; query: Typed; choose: (typed: Typed) => void }) {
  const [typed, setTyped] = useState<Typed>(query);
  return (
    <form
      className="filters"
      role="search"
      aria-label={say('filter')}
      onSubmit={(event) => {
        event.preventDefault();
        choose(typed);
      }}
    >
      {fields.map((field) => (
        <FieldRow
          key={field.name}
          field={field}
          value={typed[field.name] ?? ''}
          change={(value) => setTyped((before) => ({ ...before, [field.name]: value }))}
        />
      ))}
      <Button type="submit" theme="primary" variant="outline">
        {say('filter')}
      </Button>
    </form>
  );
}
