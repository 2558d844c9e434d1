// The address bar is the state: account, screen and every filter stand in the URL, and nothing that
// a reader could want to send to somebody is kept elsewhere.
import { useEffect, useState } from 'preact/hooks';

export interface Route {
  account: number | null;
  /** What follows the account: ["insights", "api"], ["apps", "45"]. */
  path: string[];
  query: URLSearchParams;
}

/** Parameters that go along from screen to screen. */
const CARRIED = ['viewer', 'lang', 'theme'];

export function parse(url: URL): Route {
  const parts = url.pathname.split('/').filter(Boolean);
  const account = parts[0] === 'accounts' && /^\d{1,16}$/.test(parts[1] ?? '') ? Number(parts[1]) : null;
  return { account, path: account === null ? [] : parts.slice(2), query: url.searchParams };
}

let current = typeof location === 'undefined' ? parse(new URL('http://x/')) : parse(new URL(location.href));
const listeners = new Set<(route: Route) => void>();

function publish(): void {
  current = parse(new URL(location.href));
  for (const listener of [...listeners]) listener(current);
}

if (typeof window !== 'undefined') window.addEventListener('popstate', publish);

export function route(): Route {
  return current;
}

export function useRoute(): Route {
  const [value, set] = useState(current);
  useEffect(() => {
    listeners.add(set);
    set(current);
    return () => void listeners.delete(set);
  }, []);
  return value;
}

/** The address of a screen of this account, with what is carried along. */
export function hrefTo(path: string, query: Record<string, string> = {}, account = current.account): string {
  const params = new URLSearchParams();
  for (const name of CARRIED) {
    const value = current.query.get(name);
    if (value !== null) params.set(name, value);
  }
  for (const [name, value] of Object.entries(query)) params.set(name, value);
  const text = params.toString();
  return `/accounts/${account}/${path}${text ? `?${text}` : ''}`;
}

export function go(href: string, how: 'push' | 'replace' = 'push'): void {
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', href);
  publish();
}

/** Change parameters of this screen; null or '' takes one away. */
export function setQuery(changes: Record<string, string | null>, how: 'push' | 'replace' = 'push'): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href !== location.href) go(url.pathname + url.search, how);
}

/** The values of a filter that may have several: "a,b" in the URL. */
export function listOf(query: URLSearchParams, name: string): string[] {
  return (query.get(name) ?? '').split(',').filter(Boolean);
}

/** A click that the page may handle itself: no new tab, no download. */
export function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}
