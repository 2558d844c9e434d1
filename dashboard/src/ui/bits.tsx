// Small parts: links, buttons, names, times, states.
import type { ComponentChildren, JSX } from 'preact';
import { go, hrefTo, isPlainClick } from '../core/router.ts';
import type { Kind, Problem, State, Time } from '../core/types.ts';
import { useText, type Language } from '../i18n/index.ts';
import type { Key } from '../i18n/en.ts';
import { Icon, type IconName } from './icon.tsx';

interface LinkProps {
  href: string;
  children: ComponentChildren;
  class?: string | undefined;
  'aria-current'?: 'page' | undefined;
}

/** A link inside the page: handled here on a plain click, a real address otherwise. */
export function Link({ href, children, class: className, ...rest }: LinkProps) {
  return (
    <a
      {...rest}
      class={className}
      href={href}
      onClick={(event) => {
        if (!isPlainClick(event as unknown as MouseEvent)) return;
        event.preventDefault();
        go(href);
      }}
    >
      {children}
    </a>
  );
}

/** Only addresses of the web are followed: a catalogue could say javascript:. */
export function safeUrl(url: string | null): string | null {
  if (!url) return null;
  try {
    const parsed = new URL(url);
    return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : null;
  } catch {
    return null;
  }
}

export function OutLink({ href, children, class: className = '' }: { href: string; children: ComponentChildren; class?: string }) {
  const { t } = useText();
  return (
    <a class={className} href={href} target="_blank" rel="noopener noreferrer">
      {children}
      <Icon name="external" class="small" />
      <span class="sr"> {t('opensElsewhere')}</span>
    </a>
  );
}

export function Button({
  icon,
  children,
  kind = 'plain',
  class: className = '',
  ...rest
}: { icon?: IconName; kind?: 'plain' | 'primary' | 'danger' | 'quiet'; class?: string } & Omit<
  JSX.IntrinsicElements['button'],
  'class' | 'icon'
>) {
  return (
    <button type="button" {...rest} class={`button ${kind} ${className}`}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

// ---- names ----

export function appName(language: Language, app: number, name: string | null | undefined): string {
  if (app === 0) return language.t('noApp');
  return name || language.t('appN', { app });
}

export function userName(language: Language, user: number | null | undefined, name?: string | null): string {
  if (user === null || user === undefined) return language.t('nobody');
  return name || language.t('userN', { user });
}

const TONES = 8;

/** The letters of a name in its colour; icons of others are not fetched. */
export function Avatar({ id, name, round = false }: { id: number; name: string; round?: boolean }) {
  const words = name.replace(/[^\p{L}\p{N} ]/gu, ' ').trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? words[0]!.charAt(0) + words[1]!.charAt(0) : (words[0] ?? '?').slice(0, 2);
  const tone = (Math.imul(id, 2654435761) >>> 16) % TONES;
  return (
    <span class={`avatar tone${tone} ${round ? 'round' : ''}`} aria-hidden="true">
      {letters.toUpperCase()}
    </span>
  );
}

export function AppLink({ app, name, sub }: { app: number; name: string | null | undefined; sub?: ComponentChildren }) {
  const language = useText();
  const shown = appName(language, app, name);
  return (
    <span class="named">
      <Avatar id={app} name={shown} />
      <span class="named-text">
        {app === 0 ? <span class="name">{shown}</span> : (
          <Link class="name" href={hrefTo(`apps/${app}`)}>{shown}</Link>
        )}
        {sub && <span class="sub">{sub}</span>}
      </span>
    </span>
  );
}

// ---- times ----

/** How long ago, with the exact instant a hover or a screen reader away. */
export function Ago({ time, now, empty }: { time: Time | null; now: Time; empty?: ComponentChildren }) {
  const { format, t } = useText();
  if (time === null) return <span class="muted">{empty ?? t('never')}</span>;
  return (
    <time dateTime={new Date(time).toISOString()} title={format.exact(time)}>
      {format.ago(time, now)}
    </time>
  );
}

export function DateOf({ time, empty }: { time: Time | null; empty?: ComponentChildren }) {
  const { format, t } = useText();
  if (time === null) return <span class="muted">{empty ?? t('unknown')}</span>;
  return (
    <time dateTime={new Date(time).toISOString()} title={format.exact(time)}>
      {format.date(time)}
    </time>
  );
}

// ---- states ----

const STATES: Record<State, { icon: IconName; tone: string }> = {
  connected: { icon: 'check', tone: 'good' },
  disconnected: { icon: 'unplug', tone: 'bad' },
  expired: { icon: 'clock', tone: 'warn' },
  error: { icon: 'alert', tone: 'bad' },
  reauth: { icon: 'key', tone: 'warn' },
  uninstalled: { icon: 'cross', tone: 'calm' },
  none: { icon: 'dots', tone: 'calm' },
};

export function StateBadge({ state }: { state: State | null }) {
  const language = useText();
  if (state === null) {
    return <span class="muted" title={language.t('stateHidden')}>{language.t('notShown')}</span>;
  }
  const { icon, tone } = STATES[state] ?? STATES.none;
  return (
    <span class={`badge ${tone}`}>
      <Icon name={icon} class="small" />
      {language.of(`state_${state}`, state)}
    </span>
  );
}

export function ProblemBadge({ problem }: { problem: Problem }) {
  const language = useText();
  const { icon, tone } = STATES[problem] ?? STATES.error;
  return (
    <span class={`badge ${tone}`}>
      <Icon name={icon} class="small" />
      {language.of(`problem_${problem}`, problem)}
    </span>
  );
}

export function kindText(language: Language, kind: Kind | null): string {
  return kind === null ? '' : language.of(`kind_${kind.replace('-', '')}`, kind);
}

export function typeText(language: Language, type: string): string {
  return language.of(`type_${type.replaceAll('.', '_')}`, type);
}

export function actionText(language: Language, action: string): string {
  return language.of(`action_${action}`, action);
}

/** "contacts" is what the wire says; people read "Contacts". */
export function objectText(type: string): string {
  return /^\d/.test(type) ? type : type.charAt(0).toUpperCase() + type.slice(1).replaceAll('_', ' ');
}

export function Mark({ text, title, tone = 'calm' }: { text: string; title: string; tone?: string }) {
  return <span class={`mark ${tone}`} title={title}>{text}<span class="sr">: {title}</span></span>;
}

// ---- headings and notes ----

export function Section({
  id,
  title,
  lead,
  tools,
  count,
  children,
}: {
  id: string;
  title: string;
  lead?: ComponentChildren;
  tools?: ComponentChildren;
  count?: number | undefined;
  children: ComponentChildren;
}) {
  const { format } = useText();
  return (
    <section class="section" id={id} aria-labelledby={`${id}-title`}>
      <header class="section-head">
        <div>
          <h2 id={`${id}-title`}>
            {title}
            {count !== undefined && <span class="count">{format.number(count)}</span>}
          </h2>
          {lead && <p class="lead">{lead}</p>}
        </div>
        {tools && <div class="tools">{tools}</div>}
      </header>
      {children}
    </section>
  );
}

export function text(language: Language, key: Key): string {
  return language.t(key);
}
