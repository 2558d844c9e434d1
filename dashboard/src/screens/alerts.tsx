// Days that were unusual, by the engine's rules: for API calls and for record events.
import { address, type Params } from '../core/api.ts';
import type { Resource } from '../core/store.ts';
import type { Day, Envelope, RecordAlertRow, Rows, UsageAlertRow } from '../core/types.ts';
import { useRows } from '../core/views.ts';
import { useText, type Language } from '../i18n/index.ts';
import { actionText, objectText } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import type { Names } from './directory.ts';

export type Alert = UsageAlertRow | RecordAlertRow;
type Found<T> = Resource<Envelope<Rows<T>>>;

const SHOWN = 8;
const ICONS: Record<string, IconName> = {
  spike: 'up', volume_high: 'up', drop: 'down', volume_low: 'down', error_rate: 'alert', limited: 'clock',
  first_delete: 'star', first_merge: 'star', first_type: 'star',
};

export function useUsageAlerts(account: number, params: Params): Found<UsageAlertRow> {
  return useRows<UsageAlertRow>(account, 'usage_alerts', params);
}

export function useRecordAlerts(account: number, params: Params): Found<RecordAlertRow> {
  return useRows<RecordAlertRow>(account, 'record_alerts', params);
}

/** Places of the days on which the amount itself was unusual, for the marks of a chart. */
export function marksOf(alerts: Alert[] | undefined, days: Day[]): number[] {
  const rules = ['spike', 'drop', 'volume_high', 'volume_low'];
  const found = new Set((alerts ?? []).filter((a) => rules.includes(a.rule)).map((a) => days.indexOf(a.day)));
  return [...found].filter((i) => i >= 0);
}

function say(language: Language, row: Alert, names: Names): string {
  const { t, format } = language;
  const action = 'action' in row && row.action ? actionText(language, row.action) : '';
  return t(`alert_${row.rule}`, {
    app: names.app(row.app),
    value: row.rule === 'error_rate' ? format.percent(row.value / 1000) : format.number(row.value),
    usual: format.number(row.expected),
    factor: row.expected ? format.decimal(row.value / row.expected) : '–',
    type: 'object_type' in row && row.object_type ? objectText(row.object_type) : '',
    what: action || t('events'),
  });
}

export function Alerts({ id, account, view, params, found, names }: {
  id: string;
  account: number;
  view: 'usage_alerts' | 'record_alerts';
  params: Params;
  found: Resource<Envelope<Rows<Alert>>>;
  names: Names;
}) {
  const language = useText();
  const { t, format } = language;
  const rows = [...(found.value?.data.rows ?? [])].sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : a.app - b.app));
  if (!found.value) return null;
  return (
    <section class="card alerts" aria-labelledby={`${id}-title`}>
      <div class="chart-head">
        <h3 id={`${id}-title`} class="chart-title"><Icon name="pulse" />{t('unusual')}<span class="count">{format.number(rows.length)}</span></h3>
        {rows.length > 0 && (
          <CsvButton source={{ url: address(account, view, params), name: `${view.replace('_', '-')}-${account}` }} what={t('unusual')} />
        )}
      </div>
      {rows.length === 0 ? <p>{t('unusualNone')}</p> : (
        <ul>
          {rows.slice(0, SHOWN).map((row) => (
            <li key={JSON.stringify(row)}>
              <Icon name={ICONS[row.rule] ?? 'pulse'} class="small" />
              <time dateTime={row.day}>{format.dayWeekday(row.day)}</time>
              <span>{say(language, row, names)}</span>
            </li>
          ))}
        </ul>
      )}
      {rows.length > SHOWN && <p class="note">{t('unusualMore', { n: rows.length - SHOWN })}</p>}
      <p class="note">{t('unusualRule')}</p>
    </section>
  );
}
