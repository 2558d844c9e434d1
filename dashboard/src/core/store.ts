// Answers, kept by their address: shown at once when seen before, asked for again in the background,
// and asked for again when something happened in the account.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Trouble } from './api.ts';

interface Entry<T> {
  value?: T;
  trouble?: Trouble;
  loading: boolean;
  at: number;
  listeners: Set<() => void>;
  abort?: AbortController;
  load: (signal: AbortSignal) => Promise<T>;
}

export interface Resource<T> {
  value: T | undefined;
  trouble: Trouble | undefined;
  loading: boolean;
  /** The value is that of the question before this one; the new one is on its way. */
  stale: boolean;
  reload: () => void;
}

const FRESH_MS = 1500;
const KEPT_MAX = 80;
const entries = new Map<string, Entry<unknown>>();

function notify(entry: Entry<unknown>): void {
  for (const listener of [...entry.listeners]) listener();
}

function forgetOld(): void {
  if (entries.size <= KEPT_MAX) return;
  for (const [key, entry] of entries) {
    if (entries.size <= KEPT_MAX) return;
    if (entry.listeners.size === 0) entries.delete(key);
  }
}

function start(entry: Entry<unknown>): Promise<void> {
  entry.abort?.abort();
  const abort = new AbortController();
  entry.abort = abort;
  entry.loading = true;
  notify(entry);
  return entry.load(abort.signal).then(
    (value) => {
      if (entry.abort !== abort) return;
      Object.assign(entry, { value, trouble: undefined, loading: false, at: Date.now() });
      notify(entry);
    },
    (error: Error) => {
      if (entry.abort !== abort || error.name === 'AbortError') return;
      const trouble = error instanceof Trouble ? error : new Trouble(0, 'page', error.message);
      Object.assign(entry, { trouble, loading: false, at: Date.now() }); // to be seen, not asked again at once
      notify(entry);
    },
  );
}

/** Everything shown is asked for again; what is not shown is when it is shown next. */
export function refreshAll(): void {
  for (const entry of entries.values()) {
    entry.at = 0;
    if (entry.listeners.size > 0) void start(entry);
  }
}

function entryOf<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Entry<unknown> {
  let entry = entries.get(key);
  if (!entry) {
    entry = { loading: false, at: 0, listeners: new Set(), load };
    entries.set(key, entry);
    forgetOld();
  }
  return entry;
}

/** Ask before anything is drawn: the answer travels while the page is still being made. */
export function prime<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Promise<void> {
  const entry = entryOf(key, load);
  return !entry.loading && entry.at === 0 ? start(entry) : Promise.resolve();
}

/** key: names the answer; null: nothing is wanted yet. */
export function useResource<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Resource<T> {
  const [, redraw] = useState(0);
  const loadNow = useRef(load);
  loadNow.current = load;
  const entry = key === null ? undefined : (entries.get(key) as Entry<T> | undefined);
  const drawn = { value: entry?.value, trouble: entry?.trouble, loading: entry?.loading };
  // Before the browser paints: a question is on its way a frame earlier.
  useLayoutEffect(() => {
    if (key === null) return;
    const mine = entryOf(key, load);
    const listener = () => redraw((n) => n + 1);
    mine.load = (signal) => loadNow.current(signal);
    mine.listeners.add(listener);
    if (!mine.loading && Date.now() - mine.at > FRESH_MS) void start(mine);
    else if (mine.value !== drawn.value || mine.trouble !== drawn.trouble || mine.loading !== drawn.loading) listener();
    return () => {
      mine.listeners.delete(listener);
      if (mine.listeners.size === 0 && mine.loading) {
        mine.abort?.abort();
        mine.loading = false;
      }
    };
  }, [key]);
  const last = useRef<T | undefined>(undefined);
  if (entry?.value !== undefined) last.current = entry.value;
  const loading = key !== null && (entry?.loading ?? true);
  return {
    value: entry?.value ?? (loading ? last.current : undefined),
    trouble: entry?.trouble,
    loading,
    stale: entry?.value === undefined && last.current !== undefined,
    reload: () => entry && void start(entry as Entry<unknown>),
  };
}
