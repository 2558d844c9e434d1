// Asking before a request is made, and saying what became of it.
import { useMemo, useState } from 'preact/hooks';
import { newKey, request, type ActionName } from '../core/actions.ts';
import type { Trouble } from '../core/api.ts';
import { useRoute } from '../core/router.ts';
import { refreshAll } from '../core/store.ts';
import { useText } from '../i18n/index.ts';
import { useUsers } from '../screens/directory.ts';
import { appName, Button, userName } from './bits.tsx';
import { Dialog } from './dialog.tsx';
import { toast } from './toast.tsx';

export interface Asked {
  action: ActionName;
  app: number;
  name: string | null;
  user: number;
  userName?: string | null;
}

export function AskDialog({ asked, onClose }: { asked: Asked; onClose: () => void }) {
  const language = useText();
  const { t } = language;
  const { account, query } = useRoute();
  const [busy, setBusy] = useState(false);
  const users = useUsers(account!).value?.data.rows;
  const who = asked.userName ?? users?.find((row) => row.user === asked.user)?.name;
  // A second press after a failure is the same request.
  const key = useMemo(newKey, [asked]);
  const viewer = Number(query.get('viewer') ?? NaN);
  const send = async () => {
    setBusy(true);
    try {
      const by = Number.isSafeInteger(viewer) ? viewer : null;
      await request(account!, { action: asked.action, app: asked.app, user: asked.user, by }, key);
      toast(t('askedDone'));
      refreshAll();
      onClose();
    } catch (error) {
      setBusy(false);
      toast(t('askedFailed', { why: (error as Trouble).message }));
    }
  };
  const danger = asked.action === 'disconnect' || asked.action === 'uninstall';
  return (
    <Dialog
      title={t(`askedTitle_${asked.action}`, { app: appName(language, asked.app, asked.name) })}
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button kind={danger ? 'danger' : 'primary'} disabled={busy} onClick={send}>{t(asked.action)}</Button>
        </>
      }
    >
      <p>{t('askedFor', { user: userName(language, asked.user, who) })}</p>
      {danger && <p>{t('askedDanger')}</p>}
    </Dialog>
  );
}
