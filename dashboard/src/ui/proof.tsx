// How far the numbers can be relied on: up to when, which bound, which zone, what came amiss.
import type { Envelope } from '../core/types.ts';
import { dayOf } from '../i18n/format.ts';
import { useText } from '../i18n/index.ts';
import { Icon } from './icon.tsx';

export function Proof({ envelope, open = false }: { envelope: Envelope<unknown> | undefined; open?: boolean }) {
  const { t, format } = useText();
  if (!envelope) return null;
  const bound = envelope.bound;
  const from = envelope.from === undefined ? null : typeof envelope.from === 'number' ? dayOf(envelope.from) : envelope.from;
  return (
    <>
      {envelope.degraded && (
        <p class="banner bad" role="alert"><Icon name="alert" />{t('degraded', { time: format.exact(envelope.as_of) })}</p>
      )}
      <p class="proof">
        {t('utcNote')} {t('asOf', { time: format.exact(envelope.as_of) })}.
        {bound === 'floor' && from && ` ${t('boundFloor', { day: format.day(from) })}`}
        {bound === 'retention' && ` ${t('boundRetention')}`}
        {open && ` ${t('openDay')}`}
        <Received counts={envelope.received} />
      </p>
    </>
  );
}

/** What came late, twice or not as it should on the days shown; nothing is said where all is well. */
function Received({ counts }: { counts: Envelope<unknown>['received'] }) {
  const { t, format } = useText();
  const kinds = ['late', 'duplicate', 'rejected'] as const;
  const parts = kinds.filter((kind) => counts?.[kind]).map((kind) => t(`received_${kind}`, { n: counts![kind] }));
  return parts.length === 0 ? null : <span class="received"> {t('received', { parts: format.list(parts) })}</span>;
}
