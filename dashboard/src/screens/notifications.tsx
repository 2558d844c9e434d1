// Room for the rules that tell people when apps come and go.
import { hrefTo } from '../core/router.ts';
import { useText } from '../i18n/index.ts';
import { Link } from '../ui/bits.tsx';
import { Empty } from '../ui/states.tsx';

export function NotificationsScreen() {
  const { t } = useText();
  const types = 'app.installed,app.disconnected,app.uninstalled';
  return (
    <div class="wrap">
      <header class="screen-head">
        <h1>{t('notificationsTitle')}</h1>
        <p class="lead">{t('notificationsLead')}</p>
      </header>
      <div class="card">
        <Empty icon="bell" title={t('notificationsSoon')} help={t('notificationsSoonHelp')}>
          <Link class="button primary" href={hrefTo('insights/activity', { type: types })}>{t('toActivity')}</Link>
        </Empty>
      </div>
    </div>
  );
}
