// What the page works out by itself: addresses, stacks, spikes, pace, trend.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

const m = await import(path.join(process.env.PAGE_BUILD, 'modules.mjs'));

test('a question as an address: sorted, lists by commas, commas in values escaped, empty left out', () => {
  assert.equal(m.query({}), '');
  assert.equal(m.query({ type: ['a,b', 'c d'], app: 5, user: null, action: [] }), '?app=5&type=a%2Cb,c%20d');
  assert.equal(m.address(7, 'records', { group_by: ['day', 'app'] }), '/v1/accounts/7/records?group_by=day,app');
});

test('the next page out of a Link header', () => {
  assert.equal(m.nextLink('</v1/x?cursor=a>; rel="next"'), '/v1/x?cursor=a');
  assert.equal(m.nextLink('</a>; rel="prev", </b>; rel=next'), '/b');
  assert.equal(m.nextLink('</a>; rel="prev"'), null);
  assert.equal(m.nextLink(null), null);
});

test('the address bar as a route', () => {
  const route = (text) => m.parse(new URL(`http://x${text}`));
  assert.deepEqual(route('/accounts/12/insights/api?app=1').path, ['insights', 'api']);
  assert.equal(route('/accounts/12/home').account, 12);
  assert.equal(route('/accounts/0/home').account, 0);
  assert.equal(route('/').account, null);
  assert.equal(route('/accounts/twelve/home').account, null);
});

const days = ['2026-11-01', '2026-11-02', '2026-11-03'];
const cell = (i, key, n) => ({ day: days[i], key, n });

test('a pivot adds up, whatever is put together', () => {
  const cells = [cell(0, 'a', 1), cell(0, 'b', 2), cell(1, 'c', 3), cell(2, 'd', 4), cell(2, 'a', 5), { day: '2020-01-01', key: 'a', n: 99 }];
  const p = m.pivot(cells, { days, label: (k) => k, max: 2, rest: 'others' });
  assert.deepEqual(p.totals, [3, 3, 9]);
  assert.deepEqual(p.series.map((s) => s.label), ['a', 'd', 'others']);
  const sums = days.map((_, i) => p.series.reduce((n, s) => n + s.values[i], 0));
  assert.deepEqual(sums, p.totals);
});

test('one name too many stays itself; known names keep their order and colour', () => {
  const p = m.pivot([cell(0, 'a', 3), cell(0, 'b', 2), cell(0, 'c', 1)], { days, label: (k) => k, max: 2, rest: 'others' });
  assert.deepEqual(p.series.map((s) => s.label), ['a', 'b', 'c']);
  const q = m.pivot([cell(0, 'deleted', 9), cell(0, 'created', 1)], { days, label: (k) => k, known: ['created', 'updated', 'deleted'], rest: '' });
  assert.deepEqual(q.series.map((s) => [s.label, s.tone]), [['created', 0], ['deleted', 2]]);
});

test('what a spreadsheet would run is text, and nothing else changes', () => {
  const rows = [
    ['a,b\r\n1,2\r\n', 'a,b\r\n1,2\r\n'],
    ['=1+1,x\r\n', "'=1+1,x\r\n"],
    ['x,"=HYPERLINK(""http://e"",""x"")"\r\n', 'x,"\'=HYPERLINK(""http://e"",""x"")"\r\n'],
    ['"a\n=b",@c\r\n', '"a\n=b",\'@c\r\n'],
    ['"a,=b","""=c"\r\n', '"a,=b","""=c"\r\n'],
  ];
  for (const [from, want] of rows) assert.equal(m.guardCsv(from), want);
});

test('a CSV for people has instants and names, and loses nothing', async () => {
  const namesOf = async (kind) => new Map(kind === 'apps' ? [['5', 'A, "B"']] : [['7', 'Maja']]);
  const got = await m.csvForPeople('time,app,user,note\r\n0,5,7,"x\n""y"""\r\n1000,6,,\r\n', namesOf);
  assert.equal(got, 'time,app,app_name,user,user_name,note\r\n1970-01-01T00:00:00.000Z,5,"A, ""B""",7,Maja,"x\n""y"""\r\n1970-01-01T00:00:01.000Z,6,,,,\r\n');
  assert.equal(await m.csvForPeople('day,n\r\n', namesOf), 'day,n\r\n');
  const def = readFileSync(new URL('../../schemas/query.def', import.meta.url), 'utf8');
  const views = 'RECORDS|API_USAGE|USAGE_ALERTS|DISTINCT_RECORDS|RECORD_ALERTS|ACTIVITY|CONNECTIONS|ATTENTION|MY_APPS|OTHER_APPS|RECOMMENDATIONS|ACADEMY|PERMISSIONS';
  const columns = [...def.matchAll(new RegExp(`^COLUMN\\((?:${views}), \\w+, "(\\w+)", (\\w+)`, 'gm'))];
  assert.ok(columns.length > 100);
  for (const [, name, type] of columns) assert.equal(m.TIMES.includes(name), type === 'TIME', name);
});

test('marks that turn text around are made visible, raw and escaped', () => {
  const read = JSON.parse(m.readable('{"a":"\u202egnp.exe","b":"\\u202Ex\\u2066"}'));
  assert.deepEqual(read, { a: '\ufffdgnp.exe', b: '\ufffdx\ufffd' });
  assert.equal(m.readable('{"a":"żółć — שלום"}'), '{"a":"żółć — שלום"}');
});
