// Who looks: chosen from the directory, or by number. It stands in the URL.
import { useMemo, useState } from 'preact/hooks';
import { setQuery, useRoute } from '../core/router.ts';
import { useText } from '../i18n/index.ts';
import { Avatar, Button, userName } from '../ui/bits.tsx';
import { Icon } from '../ui/icon.tsx';
import { Panel } from '../ui/popover.tsx';
import { useUsers } from './directory.ts';

const SHOWN_MAX = 100;

export function ViewerPicker({ account }: { account: number }) {
  const language = useText();
  const { t } = language;
  const { query } = useRoute();
  const users = useUsers(account).value?.data.rows ?? [];
  const viewer = query.get('viewer');
  const known = users.find((u) => String(u.user) === viewer);
  const shown = viewer ? userName(language, Number(viewer), known?.name) : t('viewerNone');
  const face = (
    <>
      {viewer ? <Avatar id={Number(viewer)} name={shown} round /> : <Icon name="users" />}
      <span class="viewer-text">
        <span class="sr">{t('viewer')}: </span>
        <span class="viewer-name">{shown}</span>
      </span>
    </>
  );
  return (
    <Panel label={t('viewer')} face={face} align="end" class="quiet viewer">
      {(close) => (
        <>
          <p class="panel-title">{t('viewer')}</p>
          <ViewerChoice account={account} onChoose={close} />
        </>
      )}
    </Panel>
  );
}

export function ViewerChoice({ account, onChoose }: { account: number; onChoose?: () => void }) {
  const { t, format } = useText();
  const { query } = useRoute();
  const users = useUsers(account);
  const rows = users.value?.data.rows ?? [];
  const [wanted, setWanted] = useState('');
  const viewer = query.get('viewer');
  const fits = useMemo(() => {
    const w = wanted.trim().toLocaleLowerCase();
    return rows
      .filter((u) => !w || `${u.name} ${u.email ?? ''} ${u.user}`.toLocaleLowerCase().includes(w))
      .sort((a, b) => format.compare(a.name, b.name))
      .slice(0, SHOWN_MAX);
  }, [rows, wanted, format]);
  const choose = (user: string) => {
    onChoose?.();
    setQuery({ viewer: user });
  };
  return (
    <div class="choices">
      <form
        class="viewer-form"
        onSubmit={(event) => {
          event.preventDefault();
          const text = wanted.trim();
          if (/^\d{1,16}$/.test(text)) choose(text);
          else if (fits[0]) choose(String(fits[0].user));
        }}
      >
        <label class="search">
          <Icon name="search" />
          <span class="sr">{rows.length ? t('viewerPick') : t('viewerNumber')}</span>
          <input
            type="search"
            value={wanted}
            placeholder={rows.length ? t('search') : t('viewerNumber')}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
        </label>
        {/^\d{1,16}$/.test(wanted.trim()) && <Button kind="primary" type="submit">{t('apply')}</Button>}
      </form>
      {rows.length > 0 ? (
        <ul class="user-list">
          {fits.map((u) => (
            <li key={u.user}>
              <button type="button" aria-pressed={viewer === String(u.user)} onClick={() => choose(String(u.user))}>
                <Avatar id={u.user} name={u.name} round />
                <span class="named-text"><span class="name">{u.name}</span><span class="sub">{u.email ?? t('userN', { user: u.user })}</span></span>
              </button>
            </li>
          ))}
        </ul>
      ) : (
        !users.loading && <p class="note">{t('whoNoUsers')}</p>
      )}
    </div>
  );
}
