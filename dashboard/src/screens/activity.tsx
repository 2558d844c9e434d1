// Activities: what happened, newest first; filters type, user, app.
import { useMemo, useRef, useState } from 'preact/hooks';
import { address, type Params } from '../core/api.ts';
import { listOf, useRoute } from '../core/router.ts';
import type { ActivityRow, Time } from '../core/types.ts';
import { useSomeRows } from '../core/views.ts';
import { useText, type Language } from '../i18n/index.ts';
import { AppLink, Avatar, Button, typeText } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { ClearFilters, MultiFilter, type Option } from '../ui/filters.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { Table, type Column } from '../ui/table.tsx';
import { useAppOptions, useNames, useUserOptions, type Names } from './directory.ts';

const TYPES = [
  'app.installed', 'app.uninstalled', 'app.reinstalled', 'app.connected', 'app.disconnected', 'app.reconnected',
  'app.expired', 'app.error', 'app.recovered',
  'sync.enabled', 'sync.disabled', 'sync.changed',
  'permission.granted', 'permission.revoked', 'permission.reauth_required',
  'action.reconnect', 'action.disconnect', 'action.reauthenticate', 'action.install', 'action.uninstall',
];

const LOOKS: Record<string, [IconName, string]> = {
  'app.installed': ['plug', 'good'], 'app.reinstalled': ['plug', 'good'], 'app.connected': ['plug', 'good'],
  'app.reconnected': ['refresh', 'good'], 'app.recovered': ['check', 'good'],
  'app.uninstalled': ['cross', 'calm'], 'app.disconnected': ['unplug', 'bad'], 'app.expired': ['clock', 'warn'],
  'app.error': ['alert', 'bad'], 'sync.enabled': ['check', 'good'], 'sync.disabled': ['cross', 'calm'],
  'sync.changed': ['gear', 'calm'], 'permission.granted': ['shield', 'good'], 'permission.revoked': ['shield', 'warn'],
  'permission.reauth_required': ['key', 'warn'],
};

export function useTypeOptions(): Option[] {
  const language = useText();
  return useMemo(
    () => TYPES.map((type) => ({
      value: type,
      text: typeText(language, type),
      group: language.of(`type_group_${type.split('.')[0]}`, ''),
    })),
    [language],
  );
}

export function detailOf(language: Language, row: ActivityRow, names: Names): string[] {
  const { t } = language;
  const parts: string[] = [];
  if (row.setting) parts.push(row.from !== null || row.to !== null
    ? t('setFrom', { setting: row.setting, from: row.from ?? '–', to: row.to ?? '–' })
    : row.setting);
  if (row.feature) parts.push(t('featureOf', { feature: row.feature }));
  if (row.scopes) parts.push(t('scopesList', { scopes: row.scopes.split(' ').join(', ') }));
  if (row.by !== undefined && row.by !== null) parts.push(t('askedBy', { user: names.user(row.by) }));
  if (row.reason) parts.push(row.reason);
  else if (row.code && !row.type.startsWith('action.')) parts.push(row.code);
  return parts;
}

export function activityColumns(language: Language, names: Names, now: Time, withApp: boolean): Column<ActivityRow>[] {
  const { t, format } = language;
  const columns: Column<ActivityRow>[] = [
    {
      key: 'type', label: t('activityType'), head: true,
      cell: (r) => {
        const [icon, tone] = LOOKS[r.type] ?? ['pulse', 'calm'];
        return (
          <span class="named">
            <span class={`event-icon ${tone}`} aria-hidden="true"><Icon name={icon} /></span>
            <span class="name">{typeText(language, r.type)}</span>
          </span>
        );
      },
    },
    {
      key: 'user', label: t('user'),
      cell: (r) => r.user === null ? <span class="muted">{t('nobody')}</span> : (
        <span class="named"><Avatar id={r.user} name={names.user(r.user)} round /><span class="name plain">{names.user(r.user)}</span></span>
      ),
    },
    {
      key: 'detail', label: t('details'), class: 'detail-cell',
      cell: (r) => {
        const parts = detailOf(language, r, names);
        return parts.length ? parts.map((part) => <span key={part} class="detail">{part}</span>) : <span class="muted">–</span>;
      },
    },
    {
      key: 'time', label: t('when'),
      cell: (r) => (
        <time class="stacked" dateTime={new Date(r.time).toISOString()} title={format.exact(r.time)}>
          <span>{format.ago(r.time, now)}</span>
          <span class="sub">{format.dateClock(r.time)} UTC</span>
        </time>
      ),
    },
  ];
  if (withApp) {
    columns.splice(1, 0, { key: 'app', label: t('app'), cell: (r) => <AppLink app={r.app} name={names.appRaw(r.app)} /> });
  }
  return columns;
}

const PAGE = 50;

/** The log with its filters, of an account or of one app. */
export function ActivityLog({ account, app, id, names, none }: {
  account: number;
  app: number | null;
  id: string;
  names: Names;
  none: { title: string; help: string };
}) {
  const language = useText();
  const { t } = language;
  const { query } = useRoute();
  const [wanted, setWanted] = useState(PAGE);
  const filters: Params = { type: listOf(query, 'type'), user: listOf(query, 'user'), app: app ?? listOf(query, 'app') };
  const log = useSomeRows<ActivityRow>(account, 'activity', { ...filters, limit: PAGE }, wanted);
  const types = useTypeOptions();
  const users = useUserOptions(names);
  const apps = useAppOptions(names);
  const now = log.value?.as_of ?? Date.now();
  const columns = useMemo(() => activityColumns(language, names, now, app === null), [language, names, now, app]);
  // What comes while one looks is marked.
  const seen = useRef<number | null>(null);
  if (seen.current === null && log.value) seen.current = log.value.position;
  const rows = log.value?.data.rows;
  const names_ = ['type', 'user', ...(app === null ? ['app'] : [])];
  const filtered = names_.some((name) => query.get(name));
  return (
    <>
      <div class="filters">
        <MultiFilter name="type" label={t('activityType')} options={types} />
        <MultiFilter name="user" label={t('user')} options={users} />
        {app === null && <MultiFilter name="app" label={t('app')} options={apps} />}
        <ClearFilters names={names_} />
        <span class="grow" />
        <CsvButton source={{ url: address(account, 'activity', filters), name: `activity-${app ?? account}` }} what={t('activityTitle')} />
      </div>
      <div class="card">
        {log.trouble && !rows && <Failed trouble={log.trouble} retry={log.reload} />}
        {!rows && !log.trouble && <Skeleton rows={8} />}
        {rows && (
          <Table id={id} caption={t('activityTitle')} columns={columns} rows={rows} rowKey={(r) => r.position} step={10000} stale={log.stale}
            rowClass={(r) => (r.position > (seen.current ?? Infinity) ? 'fresh' : '')}
            empty={filtered ? (
              <Empty title={t('nothingFits')} help={t('nothingFitsHelp')}><ClearFilters names={names_} /></Empty>
            ) : (
              <Empty icon="pulse" title={none.title} help={none.help} />
            )} />
        )}
        {rows && rows.length > 0 && (
          <div class="table-foot">
            {log.value?.cursor ? (
              <Button disabled={log.loading} onClick={() => setWanted(rows.length + 2 * PAGE)}>{log.loading ? t('loading') : t('loadMore')}</Button>
            ) : (
              <span class="muted">{t('loadAll')}</span>
            )}
            <span class="muted">{t('rowsShown', { n: rows.length })}</span>
          </div>
        )}
      </div>
      {app === null && <Proof envelope={log.value} />}
    </>
  );
}

export function ActivityPart({ account }: { account: number }) {
  const { t } = useText();
  const names = useNames(account);
  return (
    <>
      <header class="screen-head">
        <h1>{t('activityTitle')}</h1>
        <p class="lead">{t('activityLead')}</p>
      </header>
      <ActivityLog account={account} app={null} id="activity" names={names} none={{ title: t('activityNone'), help: t('activityNoneHelp') }} />
    </>
  );
}
