// Rows of the views that the page shows; the columns of schemas/query.def.

export type Time = number; // ms since 1970 UTC
export type Day = string; // "2026-11-23", UTC

export type State =
  | 'none'
  | 'connected'
  | 'disconnected'
  | 'expired'
  | 'error'
  | 'reauth'
  | 'uninstalled';
export type Problem = 'disconnected' | 'expired' | 'error' | 'reauth';
export type Kind = 'marketplace' | 'private' | 'built-in';
export type Action = 'created' | 'updated' | 'deleted' | 'merged' | 'restored' | 'associated';

export interface AttentionRow {
  severity: number;
  problem: Problem;
  state: 'open' | 'resolved';
  app: number;
  app_name: string | null;
  user: number | null;
  user_name: string | null;
  opened: Time;
  last_seen: Time;
  ended: Time | null;
  resolved: Time | null;
  repeats: number;
  episodes: number;
  reason: string | null;
  code: string | null;
  action: 'reconnect' | 'reauthenticate' | null;
}

export interface AppRow {
  app: number;
  name: string | null;
  developer: string | null;
  kind: Kind | null;
  state: State | null;
  since: Time | null;
  installed: Time | null;
  installer: number | null;
  installer_name: string | null;
  last_activity: Time | null;
  last_sent: Time | null;
  last_received: Time | null;
  connections: number;
  unused: boolean;
  duplicate_of: string | null;
  duplicate_why: string | null;
  settings_url: string | null;
  marketplace_url: string | null;
  icon_url: string | null;
}

export interface RecommendationRow {
  rank: number;
  app: number;
  name: string | null;
  developer: string | null;
  kind: Kind;
  why: string;
  accounts: number | null;
  of_accounts: number | null;
  marketplace_url: string | null;
  icon_url: string | null;
}

export interface Home {
  apps: number;
  connections: number;
  connections_connected: number;
  connected: number;
  disconnected: number;
  expired: number;
  reauth: number;
  error: number;
  problems: number;
  mine: number;
  others: number;
  seen_only: number;
  whole: boolean;
  attention: AttentionRow[];
  my_apps: AppRow[];
  other_apps: AppRow[];
  recommendations: RecommendationRow[];
}

export interface ConnectionRow {
  user: number | null;
  user_name: string | null;
  email: string | null;
  deactivated: boolean | null;
  state: State | null;
  since: Time | null;
  installed: Time | null;
  reason: string | null;
  code: string | null;
  sync: boolean | null;
}

export interface ActivityRow {
  time: Time;
  position: number;
  type: string;
  app: number;
  user: number | null;
  by?: number | null;
  reason: string | null;
  code: string | null;
  setting: string | null;
  from: string | null;
  to: string | null;
  scopes: string | null;
  feature: string | null;
  received: Time;
}

export interface UsageRow {
  day: Day;
  app: number;
  kind: Kind | null;
  time?: Time | null;
  calls: number;
  errors: number;
  limited: number;
}

export interface RecordsRow {
  day: Day;
  app?: number;
  object_type?: string;
  action?: Action;
  count: number;
}

export interface DistinctRow {
  day: Day;
  app?: number;
  action: Action;
  records: number;
  exact: boolean;
  without_record: number;
}

export interface PermissionRow {
  feature: string | null;
  status: 'authorized' | 'update' | 'reauth';
  scopes: string;
  missing: string | null;
  since: Time | null;
}

export interface AcademyRow {
  key: string;
  title: string;
  link: string;
  language: string | null;
  topic: string | null;
  apps: string | null;
  source: 'account' | 'common';
  updated: Time;
}

export interface AppOverview extends Omit<AppRow, 'unused' | 'duplicate_of' | 'duplicate_why'> {
  health: AttentionRow[];
  log: ActivityRow[];
  permissions: PermissionRow[];
  records: DistinctRow[];
  records_cut: boolean;
  academy: AcademyRow[];
}

export interface AccountRow {
  account: number;
}

export interface UserRow {
  user: number;
  name: string;
  email: string | null;
  role: string | null;
  super_admin: boolean;
  deactivated: boolean;
}

export interface UsageTodayRow {
  day: Day;
  zone: string;
  resets: Time;
  daily_limit: number | null;
  calls: number;
  share_permille: number | null;
  errors: number;
  error_permille: number;
  errors_over: boolean;
  limited: number;
  yesterday_by_now: number;
  week: number | null;
  trend_permille: number | null;
  forecast: number | null;
  basis: 'profile' | 'weekday' | 'flat' | null;
  reached: Time | null;
  driver: number | null;
  driver_growth: number | null;
}

export interface UsageAlertRow {
  app: number;
  day: Day;
  rule: 'spike' | 'drop' | 'error_rate' | 'limited';
  value: number;
  expected: number;
}

export interface RecordAlertRow {
  app: number;
  day: Day;
  rule: 'first_delete' | 'first_merge' | 'first_type' | 'volume_high' | 'volume_low';
  object_type: string | null;
  action: Action | null;
  value: number;
  expected: number;
}

/** What every answer says besides its rows. */
export interface Envelope<T> {
  ok: true;
  view: string;
  as_of: Time;
  position: number;
  from?: Day | Time;
  to?: Day | Time;
  bound?: 'retention' | 'floor' | null;
  /** Of views with days: events of the whole account, by the day on which they came. */
  received?: { late: number; duplicate: number; rejected: number };
  degraded?: boolean;
  data: T;
  cursor?: string;
}

export interface Rows<T> {
  rows: T[];
}
