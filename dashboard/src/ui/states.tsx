// What stands where data should stand: on its way, none, or refused.
import type { ComponentChildren } from 'preact';
import type { Trouble } from '../core/api.ts';
import type { Key } from '../i18n/en.ts';
import { useText } from '../i18n/index.ts';
import { Button } from './bits.tsx';
import { Icon, type IconName } from './icon.tsx';

/** Grey bars in the shape of what comes; announced once, politely. */
export function Skeleton({ rows = 4, tall = false }: { rows?: number; tall?: boolean }) {
  const { t } = useText();
  return (
    <div class={`skeleton ${tall ? 'tall' : ''}`} role="status">
      <span class="sr">{t('loading')}</span>
      {Array.from({ length: rows }, (_, i) => <span key={i} class="bone" aria-hidden="true" />)}
    </div>
  );
}

export function Empty({ icon = 'search', title, help, children }: {
  icon?: IconName;
  title: string;
  help?: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <span class="empty-icon"><Icon name={icon} /></span>
      <p class="empty-title">{title}</p>
      {help && <p class="empty-help">{help}</p>}
      {children}
    </div>
  );
}

const TITLES: Record<number, Key> = {
  0: 'offlineTitle', 401: 'forbiddenTitle', 403: 'forbiddenTitle', 404: 'notFoundTitle', 422: 'limitTitle', 503: 'busyTitle',
};

export function Failed({ trouble, retry }: { trouble: Trouble; retry: () => void }) {
  const { t } = useText();
  const offline = trouble.status === 0 && trouble.code === 'unreachable';
  const title = trouble.status === 0 && !offline ? 'failedTitle' : (TITLES[trouble.status] ?? 'failedTitle');
  return (
    <div class="empty failed" role="alert">
      <span class="empty-icon"><Icon name="alert" /></span>
      <p class="empty-title">{t(title)}</p>
      {offline && <p class="empty-help">{t('offlineHelp')}</p>}
      {trouble.status === 503 && <p class="empty-help">{t('busyHelp')}</p>}
      {trouble.detail && <p class="empty-help">{t('engineSays', { detail: trouble.detail })}</p>}
      <Button icon="refresh" onClick={retry}>{t('retry')}</Button>
    </div>
  );
}
