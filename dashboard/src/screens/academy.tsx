// Learning content: cards by topic, those of the page's language first.
import { useMemo } from 'preact/hooks';
import { address } from '../core/api.ts';
import { listOf, useRoute } from '../core/router.ts';
import type { AcademyRow } from '../core/types.ts';
import { useRows } from '../core/views.ts';
import { useText } from '../i18n/index.ts';
import { OutLink, safeUrl } from '../ui/bits.tsx';
import { CsvButton } from '../ui/csv.tsx';
import { ClearFilters, MultiFilter } from '../ui/filters.tsx';
import { Icon } from '../ui/icon.tsx';
import { Proof } from '../ui/proof.tsx';
import { Empty, Failed, Skeleton } from '../ui/states.tsx';
import { useAppOptions, useNames, type Names } from './directory.ts';

export function Lessons({ rows, names }: { rows: AcademyRow[]; names: Names }) {
  const { lang, t } = useText();
  const sorted = useMemo(() => {
    const rank = (r: AcademyRow) => (r.language?.startsWith(lang) ? 0 : 1);
    return [...rows].sort((a, b) => rank(a) - rank(b) || ((a.topic ?? '') < (b.topic ?? '') ? -1 : 1));
  }, [rows, lang]);
  return (
    <ul class="cards">
      {sorted.map((row) => {
        const link = safeUrl(row.link);
        const apps = (row.apps ?? '').split(' ').filter(Boolean).map((app) => names.app(Number(app)));
        return (
          <li key={`${row.source}-${row.key}-${row.language}`} class="card lesson">
            <span class="lesson-icon" aria-hidden="true"><Icon name="book" /></span>
            <p class="lesson-topic">{row.topic ?? t('topicNone')}</p>
            <p class="lesson-title" lang={row.language ?? undefined}>
              {link ? <OutLink href={link}>{row.title}</OutLink> : row.title}
            </p>
            <p class="sub">{[row.language?.toUpperCase(), apps.slice(0, 3).join(', ')].filter(Boolean).join(' · ')}</p>
          </li>
        );
      })}
    </ul>
  );
}

export function AcademyPart({ account }: { account: number }) {
  const { t } = useText();
  const { query } = useRoute();
  const names = useNames(account);
  const apps = useAppOptions(names);
  const all = useRows<AcademyRow>(account, 'academy');
  const topics = listOf(query, 'topic');
  const wanted = listOf(query, 'app');
  const rows = all.value?.data.rows;
  const shown = useMemo(
    () => rows?.filter((r) =>
      (topics.length === 0 || topics.includes(r.topic ?? '')) &&
      (wanted.length === 0 || (r.apps ?? '').split(' ').some((app) => wanted.includes(app)))),
    [rows, topics.join(), wanted.join()],
  );
  const topicNames = [...new Set(rows?.map((r) => r.topic).filter((x): x is string => !!x) ?? [])].sort();
  return (
    <>
      <header class="screen-head">
        <h1>{t('academyTitle')}</h1>
        <p class="lead">{t('academyLead')}</p>
      </header>
      <div class="filters">
        <MultiFilter name="topic" label={t('topic')} options={topicNames.map((topic) => ({ value: topic, text: topic }))} />
        <MultiFilter name="app" label={t('app')} options={apps} />
        <ClearFilters names={['topic', 'app']} />
        <span class="grow" />
        <CsvButton source={{ url: address(account, 'academy', { topic: topics, app: wanted }), name: `academy-${account}` }} what={t('academyTitle')} />
      </div>
      {all.trouble && !rows && <div class="card"><Failed trouble={all.trouble} retry={all.reload} /></div>}
      {!rows && !all.trouble && <Skeleton rows={4} />}
      {rows && rows.length === 0 && <div class="card"><Empty icon="book" title={t('academyNone')} help={t('academyNoneHelp')} /></div>}
      {rows && rows.length > 0 && shown?.length === 0 && (
        <div class="card"><Empty title={t('nothingFits')}><ClearFilters names={['topic', 'app']} /></Empty></div>
      )}
      {shown && shown.length > 0 && <Lessons rows={shown} names={names} />}
      <Proof envelope={all.value} />
    </>
  );
}
