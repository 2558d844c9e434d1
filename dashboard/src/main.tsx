import { render } from 'preact';
import { isDark, readLang, readTheme } from './core/prefs.ts';
import { route } from './core/router.ts';
import { languageOf } from './i18n/index.ts';
import { Page } from './page.tsx';
import { primeUsers } from './screens/directory.ts';
import { primeHome } from './screens/home.tsx';

/** An answer that is nearly here is waited for: then the page is drawn once, with it. */
const WAIT_MS = 60;

const { account, path, query } = route();
const draw = () => render(<Page />, document.getElementById('page')!);

// Before anything is drawn, lest the ground flashes in the other colour.
document.documentElement.dataset.theme = isDark(readTheme()) ? 'dark' : 'light';

// What is asked here stands in first.json too, so that the browser has begun with it already.
const first = account !== null && (path[0] ?? 'home') === 'home' ? primeHome(account, query) : null;
if (account !== null) void primeUsers(account);
if (first) {
  void Promise.race([first, new Promise((done) => setTimeout(done, WAIT_MS))]).then(draw);
  languageOf(readLang()).format.warm();
} else draw();
