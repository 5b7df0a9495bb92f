// Tables: short ones as they are, long ones page by page, of which only what is in sight stands in
// the document. On a narrow screen each row is a card, in which every cell says its heading.

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { Button } from 'tdesign-react';

import { Nothing, Problem, Waiting } from './asked.tsx';
import { csvText, type CsvCell } from './csv.ts';
import { save } from './save.ts';
import { count } from './amounts.ts';
import { say } from './say.tsx';

export interface Column<Row> {
  title: string;
  cell: (row: Row) => ReactNode;
  /** What stands in an exported file; without it the column is for the eye alone. */
  csv?: (row: Row) => CsvCell;
  isNumber?: boolean;
}

/** Below this all rows stand in the document. */
const VIRTUAL_FROM = 80;
const ROW_HEIGHT = 45;
const OVERSCAN = 12;

interface TableProps<Row> {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  label: string;
}

export function Table<Row>(props: TableProps<Row>) {
  if (props.rows.length === 0) return <Nothing />;
  return props.rows.length < VIRTUAL_FROM ? (
    <Frame {...props}>
      {props.rows.map((row) => (
        <tr key={props.keyOf(row)}>{cellsOf(props.columns, row)}</tr>
      ))}
    </Frame>
  ) : (
    <LongTable {...props} />
  );
}

function Frame<Row>({ columns, rows, label, children }: Omit<TableProps<Row>, 'keyOf'> & { children: ReactNode }) {
  return (
    <table aria-label={label} aria-rowcount={rows.length + 1}>
      <thead>
        <tr>
          {columns.map(({ title, isNumber }) => (
            <th key={title} scope="col" className={isNumber === true ? 'number' : ''}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

function cellsOf<Row>(columns: readonly Column<Row>[], row: Row): ReactNode {
  return columns.map(({ title, cell, isNumber }) => (
    <td key={title} data-heading={title} className={isNumber === true ? 'number' : ''}>
      <div>{cell(row)}</div>
    </td>
  ));
}

function LongTable<Row>(props: TableProps<Row>) {
  const { columns, rows, keyOf } = props;
  const place = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useEffect(() => setTop(place.current?.offsetTop ?? 0), []);
  const virtual = useWindowVirtualizer({ count: rows.length, estimateSize: () => ROW_HEIGHT, overscan: OVERSCAN, scrollMargin: top });
  const items = virtual.getVirtualItems();
  const before = (items[0]?.start ?? top) - top;
  const after = virtual.getTotalSize() - ((items.at(-1)?.end ?? top) - top);
  return (
    <div ref={place}>
      <Frame {...props}>
        <Gap height={before} />
        {items.map(({ index }) => {
          const row = rows[index]!;
          return (
            <tr key={keyOf(row)} ref={virtual.measureElement} data-index={index} aria-rowindex={index + 2}>
              {cellsOf(columns, row)}
            </tr>
          );
        })}
        <Gap height={after} />
      </Frame>
    </div>
  );
}

function Gap({ height }: { height: number }) {
  return height <= 0 ? null : (
    <tr aria-hidden="true" className="gap">
      <td style={{ height }} />
    </tr>
  );
}

interface Page<Row> {
  data: Row[];
  next_cursor: string | null;
}

interface PagesProps<Row> extends Omit<TableProps<Row>, 'rows'> {
  /** Asks for a page; `limit` is larger where all are fetched for a file. */
  ask: (page: { cursor?: string; limit: number }) => Promise<Page<Row>>;
  /** What the list depends on: it is asked for anew when one of these changes. */
  on: readonly unknown[];
  /** The name of the exported file, without its ending. */
  file: string;
  side?: ReactNode;
}

const PAGE_LENGTH = 50;
const EXPORT_LENGTH = 200;

/** A list of the API, page after page as the reader asks for more, and as a file. */
export function Pages<Row>({ ask, on, file, side, ...table }: PagesProps<Row>) {
  const { rows, next, error, isWaiting, more } = usePages(ask, on);
  return (
    <div className="pages">
      <div className="bar">
        <span className="faint" role="status">
          {rows === null ? '' : say(next === null ? 'rows' : 'rows_and_more', { count: count(rows.length) })}
        </span>
        {side}
        <ExportButton ask={ask} columns={table.columns} file={file} />
      </div>
      {rows !== null && <Table {...table} rows={rows} />}
      {error !== undefined && <Problem error={error} again={more} />}
      {isWaiting && <Waiting />}
      {!isWaiting && error === undefined && next !== null && (
        <Button variant="outline" onClick={more}>
          {say('more')}
        </Button>
      )}
    </div>
  );
}

function usePages<Row>(ask: PagesProps<Row>['ask'], on: readonly unknown[]) {
  const [rows, setRows] = useState<readonly Row[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<unknown>();
  const [isWaiting, setWaiting] = useState(true);
  const turn = useRef(0);
  const latest = useRef(ask);
  latest.current = ask;
  const read = useCallback(async (cursor: string | null, earlier: readonly Row[]) => {
    const mine = (turn.current += 1);
    setWaiting(true);
    setError(undefined);
    try {
      const page = await latest.current({ limit: PAGE_LENGTH, ...(cursor !== null && { cursor }) });
      if (mine !== turn.current) return;
      setRows([...earlier, ...page.data]);
      setNext(page.next_cursor);
    } catch (refused) {
      if (mine === turn.current) setError(refused);
    }
    if (mine === turn.current) setWaiting(false);
  }, []);
  useEffect(() => {
    setRows(null);
    setNext(null);
    void read(null, []);
    return () => {
      turn.current += 1;
    };
  }, on);
  return { rows, next, error, isWaiting, more: () => void read(next, rows ?? []) };
}

function ExportButton<Row>({ ask, columns, file }: Pick<PagesProps<Row>, 'ask' | 'columns' | 'file'>) {
  const [done, setDone] = useState<number | null>(null);
  const [error, setError] = useState<unknown>();
  const run = async () => {
    const told = columns.flatMap(({ title, csv }) => (csv === undefined ? [] : [{ title, csv }]));
    const rows: CsvCell[][] = [];
    setDone(0);
    setError(undefined);
    try {
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Page<Row> = await ask({ limit: EXPORT_LENGTH, ...(cursor !== '' && { cursor }) });
        rows.push(...page.data.map((row) => told.map(({ csv }) => csv(row))));
        setDone(rows.length);
        cursor = page.next_cursor;
      }
      save(
        `${file}.csv`,
        csvText(
          told.map(({ title }) => title),
          rows,
        ),
      );
    } catch (refused) {
      setError(refused);
    }
    setDone(null);
  };
  return (
    <>
      <Button variant="outline" size="small" loading={done !== null} onClick={() => void run()}>
        {done === null ? say('export') : say('exporting', { count: count(done) })}
      </Button>
      {error !== undefined && <Problem error={error} />}
    </>
  );
}
