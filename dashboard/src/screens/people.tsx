// Columns of the people who have an app connected; on the home screen and the app's own.
import type { ConnectionRow, Time } from '../core/types.ts';
import type { Language } from '../i18n/index.ts';
import { Ago, Avatar, DateOf, Mark, StateBadge, userName } from '../ui/bits.tsx';
import type { Column } from '../ui/table.tsx';

/** A person's connection, working or not: what the engine counts as such. One that was uninstalled, or
 * of which only a setting is known, is none. */
export function stands(row: ConnectionRow): boolean {
  return row.user !== null && row.state !== 'uninstalled' && row.state !== 'none';
}

export function connectionColumns(language: Language, now: Time): Column<ConnectionRow>[] {
  const { t } = language;
  return [
    {
      key: 'user', label: t('user'), head: true, value: (r) => userName(language, r.user, r.user_name),
      cell: (r) => {
        const name = userName(language, r.user, r.user_name);
        return (
          <>
            <span class="named">
              <Avatar id={r.user ?? 0} name={name} round />
              <span class="named-text"><span class="name">{name}</span>{r.email && <span class="sub">{r.email}</span>}</span>
            </span>
            {r.deactivated && <span class="marks"><Mark text={t('deactivated')} tone="warn" title={t('deactivatedHelp')} /></span>}
          </>
        );
      },
    },
    {
      key: 'state', label: t('status'), value: (r) => r.state,
      cell: (r) => (
        <>
          <StateBadge state={r.state} />
          {(r.reason ?? r.code) && <span class="sub block">{r.reason ?? r.code}</span>}
        </>
      ),
    },
    { key: 'since', label: t('since'), value: (r) => r.since, cell: (r) => <Ago time={r.since} now={now} empty="–" /> },
    { key: 'installed', label: t('installed'), value: (r) => r.installed, cell: (r) => <DateOf time={r.installed} /> },
    {
      key: 'sync', label: t('dataSync'), value: (r) => r.sync,
      cell: (r) => (r.sync === null ? <span class="muted">{t('unknown')}</span> : r.sync ? t('syncOn') : t('syncOff')),
    },
  ];
}
