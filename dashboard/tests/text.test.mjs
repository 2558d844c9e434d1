// Words and numbers: plural forms, dates in UTC, nothing left untranslated.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';

const { Language, Format, sentence, en, pl, dayOf, addDays, daysBetween } = await import(path.join(process.env.PAGE_BUILD, 'modules.mjs'));

test('Polish has three forms for whole numbers and one for fractions', () => {
  const { t } = new Language('pl');
  const rows = [
    [0, '0 osób'], [1, '1 osoba'], [2, '2 osoby'], [4, '4 osoby'], [5, '5 osób'], [11, '11 osób'],
    [12, '12 osób'], [14, '14 osób'], [21, '21 osób'], [22, '22 osoby'], [25, '25 osób'], [100, '100 osób'],
    [102, '102 osoby'], [112, '112 osób'], [1.5, '1,5 osoby'],
  ];
  for (const [n, want] of rows) assert.equal(t('peopleN', { n }), want);
});

test('what came amiss is counted by the same forms', () => {
  const { t } = new Language('pl');
  const rows = [
    ['received_late', 1, '1 spóźnione zdarzenie (policzone)'], ['received_late', 22, '22 spóźnione zdarzenia (policzone)'],
    ['received_late', 12, '12 spóźnionych zdarzeń (policzonych)'], ['received_duplicate', 1, '1 powtórzone zdarzenie (policzone raz)'],
    ['received_duplicate', 3, '3 powtórzone zdarzenia (policzone raz)'], ['received_duplicate', 5, '5 powtórzonych zdarzeń (policzonych raz)'],
    ['received_rejected', 1, '1 odrzucone zdarzenie (niepoliczone)'], ['received_rejected', 4, '4 odrzucone zdarzenia (niepoliczone)'],
    ['received_rejected', 1000, '1\u00a0000 odrzuconych zdarzeń (niepoliczonych)'],
  ];
  for (const [key, n, want] of rows) assert.equal(t(key, { n }), want);
});

test('English has one and other', () => {
  const { t } = new Language('en');
  assert.equal(t('peopleN', { n: 0 }), '0 people');
  assert.equal(t('peopleN', { n: 1 }), '1 person');
  assert.equal(t('peopleN', { n: 2 }), '2 people');
});

test('every text exists in both languages, with the same placeholders', () => {
  assert.deepEqual(Object.keys(pl).sort(), Object.keys(en).sort());
  const holes = (text) => {
    const all = typeof text === 'string' ? text : Object.values(text).join(' ');
    return [...new Set(all.match(/\{\w+\}/g) ?? [])].sort();
  };
  for (const key of Object.keys(en)) {
    const [one, two] = [holes(en[key]), holes(pl[key])].map((h) => h.filter((x) => x !== '{n}'));
    assert.deepEqual(two, one, key);
  }
});

test('every plural text of a language has all forms of that language', () => {
  for (const [lang, texts] of [['en', en], ['pl', pl]]) {
    const forms = new Intl.PluralRules(lang).resolvedOptions().pluralCategories;
    for (const [key, text] of Object.entries(texts)) {
      if (typeof text === 'string') continue;
      assert.deepEqual(Object.keys(text).sort(), [...forms].sort(), `${lang}.${key}`);
    }
  }
});

test('times are UTC, whatever the zone of the machine', () => {
  process.env.TZ = 'Pacific/Auckland';
  const f = new Format('en');
  const time = Date.UTC(2026, 10, 23, 23, 59, 58);
  assert.equal(f.exact(time), '23 Nov 2026, 23:59:58 UTC');
  assert.equal(dayOf(time), '2026-11-23');
  assert.equal(new Format('pl').date(time), '23 lis 2026');
  assert.equal(f.clock(Date.UTC(2026, 0, 1, 0, 5)), '00:05');
});

test('days go on over the ends of months and years', () => {
  assert.equal(addDays('2026-12-31', 1), '2027-01-01');
  assert.equal(addDays('2028-03-01', -1), '2028-02-29');
  assert.deepEqual(daysBetween('2026-02-27', '2026-03-02'), ['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02']);
  assert.deepEqual(daysBetween('2026-03-02', '2026-03-01'), []);
});

test('how long ago', () => {
  const f = new Format('en');
  const now = Date.UTC(2026, 10, 23, 12);
  const ago = (s) => f.ago(now - s * 1000, now);
  assert.equal(ago(3), 'now');
  assert.equal(ago(120), '2 minutes ago');
  assert.equal(ago(3600), '1 hour ago');
  assert.equal(ago(86400), 'yesterday');
  assert.equal(ago(40 * 86400), '14 Oct 2026');
  assert.equal(new Format('pl').ago(now - 7200000, now), '2 godziny temu');
});

test('numbers are grouped alike from four digits on, and large ones are short where room is', () => {
  assert.equal(new Format('en').number(12345), '12,345');
  assert.equal(new Format('pl').number(12345), '12\u00a0345');
  assert.equal(new Format('en').compact(9999), '9,999');
  assert.match(new Format('en').compact(12345), /^12\.3k$/i);
});

test('a placeholder without a value stays visible', () => {
  assert.equal(new Language('en').t('asOf'), 'As of {time}');
});

test('sentences of the engine are said in the language of the page', () => {
  const lang = new Language('pl');
  assert.equal(sentence(lang, '14 of 20 accounts with Mailbridge have it too'), '14 z 20 kont z aplikacją Mailbridge też ją ma');
  assert.equal(sentence(lang, 'same developer and kind: Ledgerline, private'), 'ten sam twórca i rodzaj: Ledgerline, Aplikacja prywatna');
  assert.equal(sentence(lang, 'by {app}, who made $1'), 'Twórca: {app}, autor aplikacji $1');
  assert.equal(sentence(lang, 'something new'), 'something new');
});
