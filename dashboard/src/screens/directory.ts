// Names of apps and users, for the views that only know their numbers.
import { useMemo } from 'preact/hooks';
import type { Trouble } from '../core/api.ts';
import type { Resource } from '../core/store.ts';
import type { AppRow, Envelope, Rows, UserRow } from '../core/types.ts';
import { primeRows, useRows } from '../core/views.ts';
import { useText } from '../i18n/index.ts';
import { appName, kindText, userName } from '../ui/bits.tsx';
import type { Option } from '../ui/filters.tsx';

export interface Names {
  app: (app: number) => string;
  appRaw: (app: number) => string | null;
  user: (user: number | null) => string;
  userRaw: (user: number | null) => string | null;
  apps: AppRow[];
  users: UserRow[];
  usersLoaded: boolean;
  trouble: Trouble | undefined;
}

export function useUsers(account: number): Resource<Envelope<Rows<UserRow>>> {
  return useRows<UserRow>(account, 'users');
}

/** Every screen of an account shows who looks. */
export function primeUsers(account: number): Promise<void> {
  return primeRows<UserRow>(account, 'users');
}

export function useNames(account: number): Names {
  const language = useText();
  const apps = useRows<AppRow>(account, 'apps');
  const users = useUsers(account);
  return useMemo(() => {
    const appRows = apps.value?.data.rows ?? [];
    const userRows = users.value?.data.rows ?? [];
    const appNames = new Map(appRows.map((row) => [row.app, row.name]));
    const userNames = new Map(userRows.map((row) => [row.user, row.name]));
    const userRaw = (user: number | null) => (user === null ? null : (userNames.get(user) ?? null));
    return {
      app: (app) => appName(language, app, appNames.get(app)),
      appRaw: (app) => appNames.get(app) ?? null,
      user: (user) => userName(language, user, userRaw(user)),
      userRaw,
      apps: appRows,
      users: userRows,
      usersLoaded: users.value !== undefined || users.trouble !== undefined,
      trouble: apps.trouble,
    };
  }, [language, apps.value, users.value, apps.trouble, users.trouble]);
}

export function useAppOptions(names: Names): Option[] {
  const language = useText();
  return useMemo(
    () =>
      names.apps
        .map((row) => ({ value: String(row.app), text: appName(language, row.app, row.name), sub: kindText(language, row.kind) }))
        .sort((a, b) => language.format.compare(a.text, b.text)),
    [language, names.apps],
  );
}

export function useUserOptions(names: Names): Option[] {
  const language = useText();
  return useMemo(
    () =>
      names.users
        .map((row) => ({ value: String(row.user), text: row.name, sub: row.email ?? '' }))
        .sort((a, b) => language.format.compare(a.text, b.text)),
    [language, names.users],
  );
}
