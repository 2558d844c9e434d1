// Requests: what the buttons ask for. The engine writes them down and passes them on; what becomes
// of them comes back as an event.
import { postJson, Trouble } from './api.ts';

export type ActionName = 'reconnect' | 'disconnect' | 'reauthenticate' | 'install' | 'uninstall';

export interface ActionRequest {
  action: ActionName;
  app: number;
  user: number;
  by: number | null;
  /** When it was asked for. */
  time: number;
}

/** A key of 128 random bits: a retry of the same press is the same request. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

interface Ack {
  accepted: number;
  duplicate: number;
  rejected: { code: string; message: string }[];
}

/** Durable when this returns. The same key again changes nothing. */
export async function request(account: number, wanted: ActionRequest, key: string): Promise<void> {
  const event = {
    type: `action.${wanted.action}`,
    account,
    app: wanted.app,
    user: wanted.user,
    ...(wanted.by === null ? {} : { by: wanted.by }),
    time: wanted.time,
    id: `page-${key}`,
    code: key,
  };
  const ack = (await postJson('/v1/events', event, { 'Idempotency-Key': key })) as Ack;
  const no = ack.rejected?.[0];
  if (no) throw new Trouble(422, no.code, no.message);
}
