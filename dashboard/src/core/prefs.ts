// Language and theme: the URL's, else the browser's memory, else what the system prefers.
import { useEffect, useState } from 'preact/hooks';

export type Lang = 'en' | 'pl';
export type Theme = 'light' | 'dark' | 'system';

const LANGS: readonly Lang[] = ['en', 'pl'];
const THEMES: readonly Theme[] = ['light', 'dark', 'system'];

function stored(name: string): string | null {
  try {
    return localStorage.getItem(`daybook.${name}`);
  } catch {
    return null; // storage is forbidden: then nothing is remembered
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`daybook.${name}`, value);
  } catch {
    /* nothing is remembered */
  }
}

function pick<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
  const wanted = [new URL(location.href).searchParams.get(name), stored(name)];
  return (wanted.find((w) => allowed.includes(w as T)) as T | undefined) ?? fallback;
}

export function readLang(): Lang {
  const system = navigator.languages.map((l) => l.slice(0, 2)).find((l) => LANGS.includes(l as Lang));
  return pick('lang', LANGS, (system as Lang | undefined) ?? 'en');
}

export function readTheme(): Theme {
  return pick('theme', THEMES, 'system');
}

export function saveLang(lang: Lang): void {
  store('lang', lang);
}

export function saveTheme(theme: Theme): void {
  store('theme', theme);
}

const darkQuery = typeof matchMedia === 'undefined' ? null : matchMedia('(prefers-color-scheme: dark)');

export function isDark(theme: Theme): boolean {
  return theme === 'dark' || (theme === 'system' && !!darkQuery?.matches);
}

/** True while the page is dark; charts are drawn anew when it changes. */
export function useDark(theme: Theme): boolean {
  const [dark, set] = useState(isDark(theme));
  useEffect(() => {
    const look = () => set(isDark(theme));
    look();
    darkQuery?.addEventListener('change', look);
    return () => darkQuery?.removeEventListener('change', look);
  }, [theme]);
  return dark;
}

/** Accounts looked at before, newest first. */
export function recentAccounts(): number[] {
  return (stored('accounts') ?? '')
    .split(',')
    .map(Number)
    .filter((n) => Number.isSafeInteger(n) && n > 0);
}

export function rememberAccount(account: number): void {
  store('accounts', [account, ...recentAccounts().filter((n) => n !== account)].slice(0, 6).join(','));
}

export function lastViewer(account: number): string | null {
  return stored(`viewer.${account}`);
}

export function rememberViewer(account: number, viewer: string): void {
  store(`viewer.${account}`, viewer);
}
