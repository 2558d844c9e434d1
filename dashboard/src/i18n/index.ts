// Texts of a language, with plural forms by the language's own rules.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Lang, Theme } from '../core/prefs.ts';
import { en, type Key, type Text } from './en.ts';
import { Format } from './format.ts';
import { pl } from './pl.ts';

const TEXTS = { en, pl } as const;

export type Values = Record<string, string | number>;

export class Language {
  readonly format: Format;
  private readonly rules: Intl.PluralRules;

  constructor(readonly lang: Lang) {
    this.format = new Format(lang);
    this.rules = new Intl.PluralRules(lang);
  }

  /** The text of a key; numbers among the values are written as the language writes them. */
  readonly t = (key: Key, values: Values = {}): string => {
    const text: Text = TEXTS[this.lang][key];
    let chosen: string;
    if (typeof text === 'string') chosen = text;
    else chosen = text[this.rules.select(Number(values.n ?? 0))] ?? text.other;
    return chosen.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === 'number' && name === 'n' ? this.format.number(value) : String(value);
    });
  };

  /** A text whose key is made of data: the fallback where there is none. */
  readonly of = (key: string, fallback: string): string => (key in TEXTS.en ? this.t(key as Key) : fallback);
}

const languages = new Map<Lang, Language>();

export function languageOf(lang: Lang): Language {
  let language = languages.get(lang);
  if (!language) languages.set(lang, (language = new Language(lang)));
  return language;
}

export interface Settings {
  language: Language;
  theme: Theme;
  setLang: (lang: Lang) => void;
  setTheme: (theme: Theme) => void;
}

export const SettingsContext = createContext<Settings>(null as unknown as Settings);

export function useSettings(): Settings {
  return useContext(SettingsContext);
}

export function useText(): Language {
  return useContext(SettingsContext).language;
}
