// The frame around every page: where one is, where one may go, the search, and who is signed in.

import { Component, useEffect, useRef, useState, type ComponentType, type ReactNode } from 'react';
import { Button } from 'tdesign-react';

import { MENU_GROUPS, pageAt, PAGES, type PageEntry } from '../pages.ts';
import { answered, api } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import { usePlace, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { visible } from '../parts/visible.ts';
import { useMay, useMe } from '../parts/session.ts';
import { Link } from '../parts/values.tsx';
import { LookButtons } from './look.tsx';
import { Search } from './search.tsx';

export function Frame() {
  const { path } = usePlace();
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [path]);
  return (
    <>
      <a className="skip" href="#content">
        {say('skip')}
      </a>
      <header>
        <Button className="menu-button" variant="outline" aria-expanded={isOpen} aria-controls="menu" onClick={() => setOpen(!isOpen)}>
          {say('menu')}
        </Button>
        <strong className="brand">
          <Link to={[]}>Fenyong 分佣</Link>
        </strong>
        <Search />
        <div className="tools">
          <LookButtons />
          <WhoIsIn />
        </div>
      </header>
      <div className="body">
        <Menu isOpen={isOpen} />
        <Content />
      </div>
    </>
  );
}

async function signOut(): Promise<void> {
  await answered(api.DELETE('/v1/sessions/{session_id}', { params: { path: { session_id: 'current' } } }));
  location.reload();
}

function WhoIsIn() {
  const { person, scope, role, merchant_id: merchantId, promoter_id: promoterId } = useMe();
  const who = [person ?? merchantId ?? promoterId, nameOf('scope_of_key', scope), role === null ? null : nameOf('role_of_key', role)];
  return (
    <>
      <span className="who">{visible(who.filter((one) => one !== null && one !== undefined).join(' · '))}</span>
      <Button variant="text" onClick={() => void signOut()}>
        {say('sign_out')}
      </Button>
    </>
  );
}

function Menu({ isOpen }: { isOpen: boolean }) {
  const may = useMay();
  const { path } = usePlace();
  const groups = MENU_GROUPS.map((group) => ({ group, pages: PAGES.filter(({ menu, needs }) => menu === group && may(...needs)) }));
  return (
    <nav id="menu" aria-label={say('menu')} className={isOpen ? 'open' : ''}>
      {groups.map(({ group, pages }) =>
        pages.length === 0 ? null : (
          <div key={group}>
            <p className="faint">{say(group)}</p>
            <ul>
              {pages.map((page) => (
                <li key={page.path}>
                  <Link to={page.path === '/' ? [] : page.path.slice(1).split('/')} current={isAt(page, path)}>
                    {say(page.title)}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ),
      )}
    </nav>
  );
}

function isAt({ path: of }: PageEntry, path: string): boolean {
  return of === '/' ? path === '/' : path === of || path.startsWith(`${of}/`);
}

function Content() {
  const { path, query } = usePlace();
  const may = useMay();
  const found = pageAt(path);
  const place = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  // Whoever goes to another page begins to read there.
  useEffect(() => {
    if (isFirst.current) isFirst.current = false;
    else place.current?.focus();
  }, [path]);
  const title = found === null ? say('no_page') : say(found.page.title);
  useEffect(() => {
    const named = found === null ? '' : Object.values(found.params).at(-1);
    document.title = [named, title, 'Fenyong 分佣'].filter((part) => part !== undefined && part !== '').join(' · ');
  });
  return (
    <main id="content" tabIndex={-1} ref={place}>
      {found === null && <Missing title={title}>{say('no_page_detail')}</Missing>}
      {found !== null && !may(...found.page.needs) && <Missing title={title}>{say('not_allowed')}</Missing>}
      {found !== null && may(...found.page.needs) && (
        <Fault key={path}>
          <LoadedPage page={found.page} params={found.params} query={query} />
        </Fault>
      )}
    </main>
  );
}

function Missing({ title, children }: { title: string; children: string }) {
  return (
    <>
      <h1>{title}</h1>
      <p>{children}</p>
    </>
  );
}

const loaded = new Map<string, ComponentType<PageProps>>();

function LoadedPage({ page, ...props }: PageProps & { page: PageEntry }) {
  const asked = useAsked(async () => {
    const Page = loaded.get(page.path) ?? (await page.load());
    loaded.set(page.path, Page);
    return { Page };
  }, [page.path]);
  return <Loaded asked={asked}>{({ Page }) => <Page {...props} />}</Loaded>;
}

/** What could not be shown is said, and the rest of the desk goes on. */
class Fault extends Component<{ children: ReactNode }, { message: string | null }> {
  override state = { message: null };

  static getDerivedStateFromError(error: unknown) {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { message } = this.state;
    if (message === null) return this.props.children;
    return (
      <div role="alert" className="problem">
        <p>{say('broken')}</p>
        <p>
          <code>{message}</code>
        </p>
        <Button onClick={() => location.reload()}>{say('reload')}</Button>
      </div>
    );
  }
}
