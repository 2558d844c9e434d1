// Without an account in the address: which one?
import { useState } from 'preact/hooks';
import { lastViewer, recentAccounts } from '../core/prefs.ts';
import { go } from '../core/router.ts';
import { useText } from '../i18n/index.ts';
import { Button, Link } from '../ui/bits.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty } from '../ui/states.tsx';

function addressOf(account: number): string {
  const viewer = lastViewer(account);
  return `/accounts/${account}/home${viewer ? `?viewer=${viewer}` : ''}`;
}

export function StartScreen({ bad }: { bad: boolean }) {
  const { t } = useText();
  const [wrong, setWrong] = useState(false);
  const recent = recentAccounts();
  return (
    <div class="wrap narrow">
      {bad && <Empty title={t('pageNotFound')} help={t('pageNotFoundHelp')} />}
      <div class="start card">
        <span class="start-icon"><Icon name="layers" /></span>
        <h1>{t('startTitle')}</h1>
        <p class="lead">{t('startLead')}</p>
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            const text = String(new FormData(event.currentTarget).get('account') ?? '').trim();
            if (/^\d{1,16}$/.test(text)) go(addressOf(Number(text)));
            else setWrong(true);
          }}
        >
          <label for="account">{t('startNumber')}</label>
          <div class="row">
            <input id="account" name="account" inputMode="numeric" autoComplete="off" aria-invalid={wrong}
              aria-describedby={wrong ? 'account-wrong' : undefined} onInput={() => setWrong(false)} />
            <Button kind="primary" type="submit">{t('startOpen')}</Button>
          </div>
          {wrong && <p class="field-error" id="account-wrong" role="alert">{t('startBad')}</p>}
        </form>
        {recent.length > 0 && (
          <>
            <h2 class="small-title">{t('startRecent')}</h2>
            <ul class="recent">
              {recent.map((account) => (
                <li key={account}><Link class="button" href={addressOf(account)}>{t('accountN', { account })}</Link></li>
              ))}
            </ul>
          </>
        )}
      </div>
    </div>
  );
}
