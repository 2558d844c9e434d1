// Questions to the engine over HTTP. A view's answer has the same rows in every form.
import type { Envelope, Rows } from './types.ts';

export type Params = Record<string, string | number | boolean | readonly (string | number)[] | null | undefined>;

/** A refusal, or a network that does not answer (status 0). */
export class Trouble extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly retryAfterMs = 0,
  ) {
    super(detail || code);
  }
}

/** Parameters as a query string: sorted, lists parted by commas, empty ones left out. */
export function query(params: Params): string {
  const parts: string[] = [];
  for (const name of Object.keys(params).sort()) {
    const value = params[name];
    if (value === null || value === undefined || value === '') continue;
    const values = Array.isArray(value) ? value : [value as string | number | boolean];
    if (values.length === 0) continue;
    parts.push(`${name}=${values.map((v) => encodeURIComponent(String(v))).join(',')}`);
  }
  return parts.length ? `?${parts.join('&')}` : '';
}

export function address(account: number, view: string, params: Params = {}): string {
  return `/v1/accounts/${account}/${view}${query(params)}`;
}

/** Marks that turn the direction of text around are shown for what they are: with them "gnp.exe"
 * reads "exe.png". Raw or escaped, in a JSON text. */
export function readable(json: string): string {
  return json.replace(/[\u202a-\u202e\u2066-\u2069]|\\u(?:202[a-e]|206[6-9])/gi, '\ufffd');
}

async function refusal(response: Response): Promise<Trouble> {
  try {
    const problem = await response.json();
    return new Trouble(
      response.status,
      String(problem.code ?? ''),
      String(problem.detail ?? problem.title ?? ''),
      Number(problem.retry_after_ms ?? 0),
    );
  } catch {
    return new Trouble(response.status, '', response.statusText);
  }
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Trouble(0, 'unreachable', '');
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** JSON is what the engine answers unless it is asked for something else; and a request without a
 * header of its own is the same as one that the browser was told to make ahead. */
export async function getJson<T>(url: string, signal?: AbortSignal): Promise<Envelope<T>> {
  const response = await ask(url, { signal });
  return JSON.parse(readable(await response.text())) as Envelope<T>;
}

const PAGES_MAX = 300; // of a large account, many may have few rows or none

/** Every row of a view, page after page, up to rowsMax. The envelope is the first page's. */
export async function getRows<T>(url: string, rowsMax: number, signal?: AbortSignal): Promise<Envelope<Rows<T>>> {
  const first = await getJson<Rows<T>>(url, signal);
  const rows = first.data.rows;
  let cursor = first.cursor;
  for (let page = 1; cursor && rows.length < rowsMax && page < PAGES_MAX; page++) {
    const join = url.includes('?') ? '&' : '?';
    const next = await getJson<Rows<T>>(`${url}${join}cursor=${encodeURIComponent(cursor)}`, signal);
    rows.push(...next.data.rows);
    cursor = next.cursor;
  }
  return { ...first, cursor };
}

/** The address of the next page in a Link header, or null. */
export function nextLink(header: string | null): string | null {
  const found = /<([^>]+)>\s*;\s*rel="?next"?/.exec(header ?? '');
  return found ? found[1]! : null;
}

/** Text cells that a spreadsheet would take for a formula get an apostrophe in front. */
export function guardCsv(csv: string): string {
  let out = '';
  let quoted = false;
  let first = true; // of a cell
  for (const c of csv) {
    if (first && c !== '"' && /[=+\-@\t]/.test(c)) out += "'";
    out += c;
    first = c === '"' ? first && !quoted : !quoted && (c === ',' || c === '\n');
    if (c === '"') quoted = !quoted;
  }
  return out;
}

/** Columns that are instants in every view that has them (schemas/query.def). */
export const TIMES = ['time', 'received', 'opened', 'last_seen', 'ended', 'resolved', 'since', 'installed', 'last_activity', 'last_sent', 'last_received', 'updated'];
const NAMED: Record<string, 'apps' | 'users'> = { app: 'apps', user: 'users', by: 'users' };

export type NamesOf = (kind: 'apps' | 'users') => Promise<Map<string, string>>;

/** Cells of CSV lines; quotes as RFC 4180 has them. */
export function csvRows(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, cell, end] of text.matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/g)) {
    if (end === '' && cell === '' && row.length === 0) break;
    row.push(cell!.startsWith('"') ? cell!.slice(1, -1).replaceAll('""', '"') : cell!);
    if (end !== ',') rows.push(row.splice(0));
  }
  return rows;
}

/** For people: instants as RFC 3339, and beside the number of an app or a user its name. */
export async function csvForPeople(text: string, namesOf: NamesOf): Promise<string> {
  const [head = [], ...rows] = csvRows(text);
  const wanted = head.filter((name) => NAMED[name] && !head.includes(`${name}_name`) && !(name === 'app' && head.includes('name')));
  const names = new Map<string, Map<string, string>>();
  for (const name of wanted) names.set(name, await namesOf(NAMED[name]!));
  const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const line = (cells: string[]) => `${cells.map(quoted).join(',')}\r\n`;
  const shown = (cell: string, i: number) => (TIMES.includes(head[i]!) && /^\d+$/.test(cell) ? new Date(Number(cell)).toISOString() : cell);
  const of = (cells: string[]) => cells.flatMap((cell, i) => (names.has(head[i]!) ? [cell, names.get(head[i]!)!.get(cell) ?? ''] : [shown(cell, i)]));
  return line(head.flatMap((name) => (names.has(name) ? [name, `${name}_name`] : [name]))) + rows.map((cells) => line(of(cells))).join('');
}

/** All pages of a view as one CSV text with one header line. */
export async function getCsv(url: string, namesOf: NamesOf): Promise<string> {
  const parts: string[] = [];
  let at: string | null = url;
  for (let page = 0; at && page < 1000; page++) {
    const response: Response = await ask(at, { headers: { Accept: 'text/csv' } });
    const text = await response.text();
    parts.push(page === 0 ? text : text.slice(text.indexOf('\n') + 1));
    at = nextLink(response.headers.get('Link'));
  }
  return guardCsv(await csvForPeople(parts.join(''), namesOf));
}

export async function postJson(url: string, body: unknown, headers: Record<string, string>): Promise<unknown> {
  const response = await ask(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return response.json();
}
