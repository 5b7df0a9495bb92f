// What a browser does for a page: keeps the cookies of its origin and sends them with every
// request, and follows no redirect by itself.

import { parseSetCookie } from 'cookie';

interface Browser {
  cookies: Map<string, string>;
  /** Where a path is of `baseUrl`. */
  open: (url: string, init?: RequestInit) => Promise<Response>;
  /** What the API tells of who has signed in; the status where it is nobody. */
  me: () => Promise<Record<string, unknown> | number>;
}

export function browserAt(baseUrl: string): Browser {
  const cookies = new Map<string, string>();
  const open: Browser['open'] = async (url, init = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...(init.headers as Record<string, string>), ...(cookie === '' ? {} : { cookie }) };
    const answer = await fetch(new URL(url, baseUrl), { redirect: 'manual', ...init, headers });
    for (const header of answer.headers.getSetCookie()) {
      const { name, value = '', expires } = parseSetCookie(header);
      if (value === '' || (expires !== undefined && expires.getTime() <= Date.now())) cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  };
  const me: Browser['me'] = async () => {
    const answer = await open('/v1/me');
    return answer.status === 200 ? ((await answer.json()) as Record<string, unknown>) : answer.status;
  };
  return { cookies, open, me };
}
