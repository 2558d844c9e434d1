// Sentences that the engine words in English, said in the reader's language. A sentence that is not
// known here is shown as it came.
import type { Key } from './en.ts';
import type { Language } from './index.ts';

const SENTENCES: [RegExp, Key][] = [
  [/^(?<some>\d+) of (?<all>\d+) accounts with (?<app>.+) have it too$/, 'whyAccounts'],
  [/^by (?<developer>.+), who made (?<app>.+)$/, 'whyDeveloper'],
  [/^in the marketplace, connected by nobody yet$/, 'whyMarketplace'],
  [/^built in, connected by nobody yet$/, 'whyBuiltin'],
  [/^same developer and kind: (?<developer>.+), (?<kind>marketplace|private|built-in)$/, 'whySame'],
  [/^shares (?<some>\d+) of (?<all>\d+) kinds of record changes$/, 'whyShares'],
];

export function sentence(language: Language, text: string): string {
  for (const [pattern, key] of SENTENCES) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values = { ...found.groups };
    if (values.kind) values.kind = language.of(`kind_${values.kind.replace('-', '')}`, values.kind);
    return language.t(key, values);
  }
  return text;
}
