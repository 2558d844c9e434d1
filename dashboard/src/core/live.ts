// What happens in the account while the page is open: server-sent events. An event is shown where
// it belongs by asking for the views on the screen again, so that one rule decides what fits a
// filter: the engine's.
import { useEffect, useState } from 'preact/hooks';
import { readable } from './api.ts';
import { refreshAll } from './store.ts';
import type { ActivityRow } from './types.ts';

export type LiveState = 'off' | 'connecting' | 'live' | 'lost';

const GATHER_MS = 300; // a burst of events is one refresh
const SLOW_MS = 30000; // API calls and record events make no activity: those are polled for

let source: EventSource | null = null;
let account: number | null = null;
let state: LiveState = 'off';
let gather = 0;
const stateListeners = new Set<(s: LiveState) => void>();
const eventListeners = new Set<(row: ActivityRow) => void>();

function setState(next: LiveState): void {
  state = next;
  for (const listener of [...stateListeners]) listener(next);
}

function refreshSoon(): void {
  if (gather) return;
  gather = window.setTimeout(() => {
    gather = 0;
    refreshAll();
  }, GATHER_MS);
}

function close(): void {
  source?.close();
  source = null;
}

function open(): void {
  close();
  if (account === null) return setState('off');
  setState('connecting');
  const mine = new EventSource(`/v1/accounts/${account}/activity/stream`);
  source = mine;
  let before = false;
  mine.onopen = () => {
    setState('live');
    if (before) refreshSoon(); // something may have changed meanwhile that makes no activity
    before = true;
  };
  mine.onmessage = (event) => {
    const row = JSON.parse(readable(event.data as string)) as ActivityRow;
    for (const listener of [...eventListeners]) listener(row);
    refreshSoon();
  };
  mine.onerror = () => {
    if (source !== mine) return;
    setState('lost');
    // The browser comes back by itself unless it was refused for good.
    if (mine.readyState === EventSource.CLOSED) window.setTimeout(() => source === mine && open(), 5000);
  };
}

export function follow(next: number | null): void {
  if (next === account) return;
  account = next;
  open();
}

export function useLiveState(): LiveState {
  const [value, set] = useState(state);
  useEffect(() => {
    stateListeners.add(set);
    set(state);
    return () => void stateListeners.delete(set);
  }, []);
  return value;
}

export function useLiveEvents(listener: (row: ActivityRow) => void): void {
  useEffect(() => {
    eventListeners.add(listener);
    return () => void eventListeners.delete(listener);
  });
}

if (typeof window !== 'undefined') {
  window.setInterval(() => document.visibilityState === 'visible' && account !== null && refreshAll(), SLOW_MS);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && account !== null) refreshSoon();
  });
}
