// One line that says how something went, at the foot of the page, read out politely.
import { useEffect, useState } from 'preact/hooks';
import { Button } from './bits.tsx';
import { useText } from '../i18n/index.ts';

let show: (text: string) => void = () => undefined;

export function toast(text: string): void {
  show(text);
}

const SHOWN_MS = 7000;

export function Toasts() {
  const { t } = useText();
  const [text, set] = useState('');
  useEffect(() => {
    let timer = 0;
    show = (next) => {
      set(next);
      window.clearTimeout(timer);
      timer = window.setTimeout(() => set(''), SHOWN_MS);
    };
    return () => window.clearTimeout(timer);
  }, []);
  return (
    <div class={`toast ${text ? 'shown' : ''}`} role="status" aria-live="polite">
      {text && <span>{text}</span>}
      {text && <Button kind="quiet" icon="cross" class="icon-only" aria-label={t('close')} onClick={() => set('')} />}
    </div>
  );
}
