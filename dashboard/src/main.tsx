import { render } from 'preact';
import { route } from './core/router.ts';
import { Page } from './page.tsx';
import { primeHome } from './screens/home.tsx';

const { account, path, query } = route();
if (account !== null && (path[0] ?? 'home') === 'home') primeHome(account, query);

render(<Page />, document.getElementById('page')!);
