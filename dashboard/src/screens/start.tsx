// Without an account in the address: which one? Those opened before, then those the engine knows.
import { useState } from 'preact/hooks';
import { lastViewer, recentAccounts } from '../core/prefs.ts';
import { go } from '../core/router.ts';
import { useAccounts } from '../core/views.ts';
import { useText } from '../i18n/index.ts';
import { Button, Link } from '../ui/bits.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, Skeleton } from '../ui/states.tsx';

function addressOf(account: number): string {
  const viewer = lastViewer(account);
  return `/accounts/${account}/home${viewer ? `?viewer=${viewer}` : ''}`;
}

const SHOWN = 60;
const MORE = 600;

function AccountList({ accounts }: { accounts: number[] }) {
  const { t } = useText();
  return (
    <ul class="recent">
      {accounts.map((account) => (
        <li key={account}><Link class="button" href={addressOf(account)}>{t('accountN', { account })}</Link></li>
      ))}
    </ul>
  );
}

/** What the engine knows, narrowed to what is being typed. Where it may not be asked, nothing. */
function KnownAccounts({ typed, recent }: { typed: string; recent: number[] }) {
  const { t } = useText();
  const [wanted, setWanted] = useState(SHOWN);
  const known = useAccounts(wanted);
  const rows = known.value?.data.rows;
  if (!rows) return known.trouble ? null : <Skeleton rows={2} />;
  const fits = rows.map((row) => row.account).filter((account) => String(account).startsWith(typed));
  const shown = fits.filter((account) => !recent.includes(account));
  return (
    <>
      {shown.length > 0 && <h2 class="small-title">{t(recent.length > 0 ? 'startOthers' : 'startKnown')}</h2>}
      <AccountList accounts={shown} />
      {known.value?.cursor && (
        <div><Button disabled={known.loading} onClick={() => setWanted(rows.length + MORE)}>{t('startMore')}</Button></div>
      )}
      <p class="note" role="status">
        {rows.length === 0 ? t('startNone') : fits.length === 0 ? t('startNoneFits', { typed }) : ''}
      </p>
    </>
  );
}

export function StartScreen({ bad }: { bad: boolean }) {
  const { t } = useText();
  const [wrong, setWrong] = useState(false);
  const [typed, setTyped] = useState('');
  const recent = recentAccounts();
  return (
    <div class="wrap narrow">
      {bad && <Empty title={t('pageNotFound')} help={t('pageNotFoundHelp')} />}
      <div class="opening card">
        <span class="opening-icon"><Icon name="layers" /></span>
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
              aria-describedby={wrong ? 'account-wrong' : undefined}
              onInput={(event) => { setWrong(false); setTyped(event.currentTarget.value.trim()); }} />
            <Button kind="primary" type="submit">{t('startOpen')}</Button>
          </div>
          {wrong && <p class="field-error" id="account-wrong" role="alert">{t('startBad')}</p>}
        </form>
        {recent.length > 0 && (
          <>
            <h2 class="small-title">{t('startRecent')}</h2>
            <AccountList accounts={recent} />
          </>
        )}
        <KnownAccounts typed={typed} recent={recent} />
      </div>
    </div>
  );
}
