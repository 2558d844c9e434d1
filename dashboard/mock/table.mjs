// schemas/query.def as the mock needs it: the columns of each view, in their order, so that fixtures
// cannot drift from the contract.
import { readFileSync } from 'node:fs';

const COLUMN = /^COLUMN\((\w+), \w+, "(\w+)", (\w+), (\w+), (\w+),/;
const VIEW = /^VIEW\((\w+), (\w+), \w+, (\w+),/;

export function readTable(path) {
  const views = new Map();
  const ids = new Map();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const view = VIEW.exec(line);
    if (view) {
      const made = { name: view[2], shape: view[3], columns: [] };
      views.set(view[2], made);
      ids.set(view[1], made);
      continue;
    }
    const column = COLUMN.exec(line);
    if (column) {
      ids.get(column[1]).columns.push({ name: column[2], type: column[3], role: column[4], maybe: column[5] === 'MAYBE' });
    }
  }
  return views;
}

/** The row with exactly the columns named, in the table's order; a fixture that lacks one throws. */
export function shape(view, row, names) {
  const out = {};
  for (const column of view.columns) {
    if (names && !names.includes(column.name)) continue;
    const value = row[column.name];
    if (value === undefined) throw new Error(`mock: ${view.name} lacks ${column.name}`);
    if (value === null && !column.maybe) throw new Error(`mock: ${view.name}.${column.name} is never null`);
    out[column.name] = value;
  }
  return out;
}

function cell(value) {
  if (value === null || value === undefined) return '';
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csv(names, rows) {
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}
