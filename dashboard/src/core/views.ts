// The views as hooks: one line each where a screen wants data.
import { address, getJson, getRows, type Params } from './api.ts';
import { prime, useResource, type Resource } from './store.ts';
import type { AccountRow, Envelope, Rows } from './types.ts';

const ROWS_MAX = 20000;

/** A view that is one object. */
export function useObject<T>(account: number | null, view: string, params: Params = {}): Resource<Envelope<T>> {
  const url = account === null ? null : address(account, view, params);
  return useResource(url, (signal) => getJson<T>(url!, signal));
}

/** All rows of a view. */
export function useRows<T>(account: number | null, view: string, params: Params = {}): Resource<Envelope<Rows<T>>> {
  const url = account === null ? null : address(account, view, params);
  return useResource(url === null ? null : `all ${url}`, (signal) => getRows<T>(url!, ROWS_MAX, signal));
}

/** The first rows of a view, about rowsMax of them; the cursor tells whether there are more. */
export function useSomeRows<T>(
  account: number | null,
  view: string,
  params: Params,
  rowsMax: number,
): Resource<Envelope<Rows<T>>> {
  const url = account === null ? null : address(account, view, params);
  return useResource(url === null ? null : `${rowsMax} ${url}`, (signal) => getRows<T>(url!, rowsMax, signal));
}

/** The accounts that the engine knows, about rowsMax of them. */
export function useAccounts(rowsMax: number): Resource<Envelope<Rows<AccountRow>>> {
  return useResource(`${rowsMax} accounts`, (signal) => getRows<AccountRow>('/v1/accounts', rowsMax, signal));
}

/** The same questions, asked ahead; resolves when there is an answer, or trouble. */
export function primeObject<T>(account: number, view: string, params: Params = {}): Promise<void> {
  const url = address(account, view, params);
  return prime(url, (signal) => getJson<T>(url, signal));
}

export function primeRows<T>(account: number, view: string, params: Params = {}): Promise<void> {
  const url = address(account, view, params);
  return prime(`all ${url}`, (signal) => getRows<T>(url, ROWS_MAX, signal));
}
