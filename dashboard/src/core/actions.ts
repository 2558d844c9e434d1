// Requests: what the buttons ask for. The engine writes them down and passes them on; what becomes
// of them comes back as an event.
import { postJson } from './api.ts';

export type ActionName = 'reconnect' | 'disconnect' | 'reauthenticate' | 'install' | 'uninstall';

export interface ActionRequest {
  action: ActionName;
  app: number;
  user: number;
  by: number | null;
}

/** A key of 128 random bits: a retry of the same press is the same request. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** Durable when this returns. The same key again changes nothing and is answered alike. */
export async function request(account: number, { action, app, user, by }: ActionRequest, key: string): Promise<void> {
  const body = { action, app, user, ...(by === null ? {} : { viewer: by }) };
  await postJson(`/v1/accounts/${account}/actions`, body, { 'Idempotency-Key': key });
}
