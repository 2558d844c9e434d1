// The frame around every screen: who looks at which account, where one can go, and how it looks.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { follow, useLiveEvents, useLiveState } from './core/live.ts';
import {
  isDark, readLang, readTheme, rememberAccount, rememberViewer, saveLang, saveTheme, useDark, type Lang, type Theme,
} from './core/prefs.ts';
import { hrefTo, setQuery, useRoute, type Route } from './core/router.ts';
import { languageOf, SettingsContext, useSettings, useText, type Language } from './i18n/index.ts';
import { AppScreen } from './screens/app.tsx';
import { HomeScreen } from './screens/home.tsx';
import { InsightsScreen } from './screens/insights.tsx';
import { NotificationsScreen } from './screens/notifications.tsx';
import { StartScreen } from './screens/start.tsx';
import { ViewerPicker } from './screens/viewer.tsx';
import { Link, typeText } from './ui/bits.tsx';
import { Icon, type IconName } from './ui/icon.tsx';
import { Panel } from './ui/popover.tsx';
import { Empty } from './ui/states.tsx';
import { toast, Toasts } from './ui/toast.tsx';

export function Page() {
  const [lang, setLangState] = useState<Lang>(readLang);
  const [theme, setThemeState] = useState<Theme>(readTheme);
  const language = languageOf(lang);
  const route = useRoute();
  const dark = useDark(theme);

  // An address that names a language or theme goes on saying what is shown.
  const setLang = (next: Lang) => {
    saveLang(next);
    setLangState(next);
    if (route.query.has('lang')) setQuery({ lang: next }, 'replace');
  };
  const setTheme = (next: Theme) => {
    saveTheme(next);
    setThemeState(next);
    if (route.query.has('theme')) setQuery({ theme: next }, 'replace');
  };
  const settings = useMemo(() => ({ language, theme, setLang, setTheme }), [language, theme, route]);

  document.documentElement.lang = lang;
  document.documentElement.dataset.theme = dark || isDark(theme) ? 'dark' : 'light';

  useEffect(() => {
    follow(route.account);
    if (route.account !== null) rememberAccount(route.account);
  }, [route.account]);
  const viewer = route.query.get('viewer');
  useEffect(() => {
    if (route.account !== null && viewer) rememberViewer(route.account, viewer);
  }, [route.account, viewer]);

  return (
    <SettingsContext.Provider value={settings}>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>
        {language.t('skip')}
      </a>
      <Top route={route} />
      <Main route={route} />
      <Toasts />
      <Announcer />
    </SettingsContext.Provider>
  );
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" class="logo-back" />
      <path d="M9 8h10a4 4 0 0 1 4 4v12H12a3 3 0 0 1-3-3z" class="logo-page" />
      <path d="M12.5 19.5v-3M16 19.500v-6M19.5 19.500v-4.5" class="logo-bars" />
    </svg>
  );
}

function Top({ route }: { route: Route }) {
  const { t } = useText();
  const account = route.account;
  const tabs: [string, string, 'connections' | 'insights' | 'notifications', IconName][] = [
    ['home', 'home', 'connections', 'plug'],
    ['insights', 'insights/activity', 'insights', 'chart'],
    ['notifications', 'notifications', 'notifications', 'bell'],
  ];
  const here = route.path[0] === 'apps' ? 'home' : (route.path[0] ?? 'home');
  return (
    <header class="top">
      <div class="top-row">
        <a class="brand" href="/"><Logo />Daybook</a>
        {account !== null && (
          <span class="account-chip">
            <span class="sr">{t('account')} </span><span class="mono">{account}</span>
          </span>
        )}
        <span class="grow" />
        {account !== null && <LiveBadge />}
        {account !== null && <ViewerPicker key={account} account={account} />}
        <Looks />
      </div>
      {account !== null && (
        <nav class="tabs" aria-label={t('sections')}>
          {tabs.map(([id, path, text, icon]) => (
            <Link key={id} href={hrefTo(path)} class={here === id ? 'on' : ''} aria-current={here === id ? 'page' : undefined}>
              <Icon name={icon} />{t(text)}
            </Link>
          ))}
        </nav>
      )}
    </header>
  );
}

function LiveBadge() {
  const { t } = useText();
  const state = useLiveState();
  if (state === 'off') return null;
  const text = { live: 'liveLive', connecting: 'liveConnecting', lost: 'liveLost' } as const;
  return (
    <span class={`live ${state}`} title={t('liveHelp')} role="status">
      <span class="dot" aria-hidden="true" />{t(text[state])}
    </span>
  );
}

function Looks() {
  const { language, theme, setLang, setTheme } = useSettings();
  const { t } = language;
  const icons = { system: 'system', light: 'sun', dark: 'moon' } as const;
  const names = { system: 'themeSystem', light: 'themeLight', dark: 'themeDark' } as const;
  return (
    <Panel
      label={`${t('language')}, ${t('theme')}`}
      align="end"
      class="quiet looks"
      face={<><Icon name="globe" /><span class="looks-lang" lang={language.lang}>{language.lang.toUpperCase()}</span><span class="sr">{`${t('language')}, ${t('theme')}`}</span></>}
    >
      {() => (
        <div class="looks-panel">
          <fieldset class="stack">
            <legend>{t('language')}</legend>
            {([['en', 'English'], ['pl', 'Polski']] as const).map(([value, name]) => (
              <label key={value} class="choice" lang={value}>
                <input type="radio" name="lang" checked={language.lang === value} onChange={() => setLang(value)} />{name}
              </label>
            ))}
          </fieldset>
          <fieldset class="stack">
            <legend>{t('theme')}</legend>
            {(['system', 'light', 'dark'] as const).map((value) => (
              <label key={value} class="choice">
                <input type="radio" name="theme" checked={theme === value} onChange={() => setTheme(value)} />
                <Icon name={icons[value]} />{t(names[value])}
              </label>
            ))}
          </fieldset>
        </div>
      )}
    </Panel>
  );
}

/** Says new activities, for those who look elsewhere on the page. */
function Announcer() {
  const language = useText();
  useLiveEvents((row) => toast(language.t('newEvent', { what: typeText(language, row.type) })));
  return null;
}

function titleOf(language: Language, route: Route): string {
  const { t } = language;
  const [first, second] = route.path;
  const part = {
    activity: t('activityTitle'), academy: t('academyTitle'), api: t('usageTitle'), records: t('recordsTitle'),
  }[second ?? ''];
  const names: Record<string, string> = {
    home: t('homeTitle'), insights: part ?? t('insightsTitle'), notifications: t('notificationsTitle'),
    apps: t('appN', { app: second ?? '' }),
  };
  return route.account === null ? 'Daybook' : `${names[first ?? 'home'] ?? t('pageNotFound')} · ${route.account} · Daybook`;
}

function Main({ route }: { route: Route }) {
  const language = useText();
  const main = useRef<HTMLElement>(null);
  const where = `${route.account}/${route.path.slice(0, 2).join('/')}`;
  const first = useRef(true);
  useEffect(() => {
    document.title = titleOf(language, route);
  }, [where, language]);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.focus({ preventScroll: true }); // a new screen is read from its beginning
  }, [where]);
  return (
    <main id="main" ref={main} tabIndex={-1}>
      <Screen key={where} route={route} />
    </main>
  );
}

function Screen({ route }: { route: Route }): ComponentChildren {
  const { account, path } = route;
  if (account === null) return <StartScreen bad={location.pathname !== '/'} />;
  const [first = 'home', second, third] = path;
  if (first === 'home' && !second) return <HomeScreen account={account} />;
  if (first === 'insights' && !third) {
    const known = ['activity', 'academy', 'api', 'records'] as const;
    const part = known.find((k) => k === (second ?? 'activity'));
    if (part) return <InsightsScreen account={account} part={part} />;
  }
  if (first === 'apps' && second && /^[1-9]\d{0,15}$/.test(second) && !third) {
    return <AppScreen account={account} app={Number(second)} />;
  }
  if (first === 'notifications' && !second) return <NotificationsScreen />;
  return <Lost />;
}

function Lost() {
  const { t } = useText();
  return (
    <div class="wrap">
      <h1 class="sr">{t('pageNotFound')}</h1>
      <Empty icon="search" title={t('pageNotFound')} help={t('pageNotFoundHelp')}>
        <Link class="button primary" href={hrefTo('home')}>{t('toConnections')}</Link>
      </Empty>
    </div>
  );
}


