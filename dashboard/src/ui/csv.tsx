// The rows of a table as a file: the same question with the same filters, asked as CSV, all pages.
import { useState } from 'preact/hooks';
import { address, getCsv, getRows, type NamesOf, type Trouble } from '../core/api.ts';
import { useRoute } from '../core/router.ts';
import type { AppRow, UserRow } from '../core/types.ts';
import { useText } from '../i18n/index.ts';
import { Button } from './bits.tsx';
import { toast } from './toast.tsx';

export interface CsvSource {
  url: string;
  /** Of the file, without ".csv". */
  name: string;
}

const NAMES_MAX = 100000;

/** Names as the directory and the catalogue have them, asked for when a file is made. */
function namesIn(account: number): NamesOf {
  return async (kind) => {
    const { data } = await getRows<Partial<AppRow & UserRow>>(address(account, kind), NAMES_MAX);
    return new Map(data.rows.map((row) => [String(row.app ?? row.user), row.name ?? '']));
  };
}

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name}.csv`;
  document.body.append(link);
  link.click();
  link.remove();
  window.setTimeout(() => URL.revokeObjectURL(url), 10000);
}

export function CsvButton({ source, what }: { source: CsvSource; what: string }) {
  const { t } = useText();
  const { account } = useRoute();
  const [busy, setBusy] = useState(false);
  const onClick = async () => {
    setBusy(true);
    try {
      save(await getCsv(source.url, namesIn(account!)), source.name);
      toast(t('csvReady'));
    } catch (error) {
      toast(t('csvFailed', { why: (error as Trouble).message }));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button icon="download" aria-label={t('csvOf', { what })} disabled={busy} onClick={onClick} class="csv">
      {t('csv')}
    </Button>
  );
}
