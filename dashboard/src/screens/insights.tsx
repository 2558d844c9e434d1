// Connection insights: a menu on the left, four looks at the account.
import { useEffect, useRef } from 'preact/hooks';
import { hrefTo } from '../core/router.ts';
import { useText } from '../i18n/index.ts';
import { Link } from '../ui/bits.tsx';
import { Icon, type IconName } from '../ui/icon.tsx';
import { AcademyPart } from './academy.tsx';
import { ActivityPart } from './activity.tsx';
import { RecordsPart } from './records.tsx';
import { UsagePart } from './usage.tsx';

export type InsightPart = 'activity' | 'academy' | 'api' | 'records';

export function InsightsScreen({ account, part }: { account: number; part: InsightPart }) {
  const { t } = useText();
  const items: [InsightPart, 'activity' | 'academy' | 'apiUsage' | 'recordInsights', IconName][] = [
    ['activity', 'activity', 'pulse'],
    ['academy', 'academy', 'book'],
    ['api', 'apiUsage', 'chart'],
    ['records', 'recordInsights', 'layers'],
  ];
  const side = useRef<HTMLElement>(null);
  // On a phone the menu is a strip wider than the screen.
  useEffect(() => {
    const here = side.current?.querySelector<HTMLElement>('[aria-current]');
    if (here && side.current) side.current.scrollLeft = here.offsetLeft - (side.current.clientWidth - here.offsetWidth) / 2;
  }, [part]);
  return (
    <div class="wrap with-side">
      <nav class="side" ref={side} aria-label={t('insightsTitle')}>
        {items.map(([id, text, icon]) => (
          <Link key={id} href={hrefTo(`insights/${id}`)} class={id === part ? 'on' : ''} aria-current={id === part ? 'page' : undefined}>
            <Icon name={icon} />{t(text)}
          </Link>
        ))}
      </nav>
      <div class="side-body">
        {part === 'activity' && <ActivityPart account={account} />}
        {part === 'academy' && <AcademyPart account={account} />}
        {part === 'api' && <UsagePart account={account} />}
        {part === 'records' && <RecordsPart account={account} />}
      </div>
    </div>
  );
}
