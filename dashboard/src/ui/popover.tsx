// Things that open below a button: menus and panels. Escape and a press outside close them, and the
// focus goes back to the button.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { isPlainClick, go } from '../core/router.ts';
import { Icon, type IconName } from './icon.tsx';

const EDGE = 8; // px between a panel and the edge of the window

function useOpen() {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', escape, true);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', escape, true);
    };
  }, [open]);
  return { open, setOpen, root, button };
}

/** A button near an edge opens a panel that would reach beyond it. */
function keepInside(panel: HTMLElement): void {
  const { left, right } = panel.getBoundingClientRect();
  const over = Math.max(0, right + EDGE - document.documentElement.clientWidth);
  const under = Math.max(0, EDGE - left);
  if (over || under) panel.style.transform = `translateX(${under || -Math.min(over, left - EDGE)}px)`;
}

export function Panel({ label, face, children, class: className = '', align = 'start' }: {
  label: string;
  face: ComponentChildren;
  children: (close: () => void) => ComponentChildren;
  class?: string;
  align?: 'start' | 'end';
}) {
  const { open, setOpen, root, button } = useOpen();
  const panel = useRef<HTMLDivElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    if (open) keepInside(panel.current!);
  }, [open]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div class="popover" ref={root}>
      <button
        type="button"
        ref={button}
        class={`button ${className}`}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-haspopup="dialog"
        onClick={() => setOpen(!open)}
      >
        {face}
        <Icon name="down" class="small" />
      </button>
      {open && (
        <div class={`panel ${align}`} id={id} role="dialog" aria-label={label} ref={panel}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

export interface MenuItem {
  text: string;
  icon?: IconName;
  danger?: boolean;
  /** An address of the page, or (out) of elsewhere; or something to do. */
  href?: string;
  out?: boolean;
  run?: () => void;
}

/** items: made when it opens, since a table has one in each row. */
export function Menu({ label, items }: { label: string; items: () => MenuItem[] }) {
  const { open, setOpen, root, button } = useOpen();
  const list = useRef<HTMLUListElement>(null);
  const id = useId();

  const at = (index: number) => {
    const all = list.current?.querySelectorAll<HTMLElement>('[role=menuitem]');
    if (all?.length) all[(index + all.length) % all.length]!.focus();
  };
  useLayoutEffect(() => {
    if (open) at(0);
  }, [open]);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const here = all.indexOf(document.activeElement as HTMLElement);
    const moves: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 };
    const to = moves[event.key];
    if (to === undefined) {
      if (event.key === 'Tab') setOpen(false);
      return;
    }
    event.preventDefault();
    at(to);
  };
  const choose = (item: MenuItem) => (event: Event) => {
    if (item.out) return setOpen(false);
    if (item.href && !isPlainClick(event as MouseEvent)) return;
    event.preventDefault();
    setOpen(false);
    button.current?.focus();
    if (item.href) go(item.href);
    else item.run?.();
  };

  return (
    <div class="popover" ref={root}>
      <button
        type="button"
        ref={button}
        class="button quiet icon-only"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown') return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        <Icon name="dots" />
      </button>
      {open && (
        <ul class="menu end" id={id} role="menu" aria-label={label} ref={list} onKeyDown={onKeyDown}>
          {items().map((item) => (
            <li key={item.text} role="none">
              {item.href ? (
                <a role="menuitem" tabIndex={-1} href={item.href} onClick={choose(item)}
                  {...(item.out ? { target: '_blank', rel: 'noopener noreferrer' } : {})}>
                  {item.icon && <Icon name={item.icon} />}{item.text}
                </a>
              ) : (
                <button type="button" role="menuitem" tabIndex={-1} class={item.danger ? 'danger-text' : ''} onClick={choose(item)}>
                  {item.icon && <Icon name={item.icon} />}{item.text}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
