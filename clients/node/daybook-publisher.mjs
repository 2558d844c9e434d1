// A publisher for Daybook: numbered batches, an outbox on disk, each event counted once.
//
// Written from the wire's text alone (schemas/README.md, "Batches and acknowledgements"), in JSON.
//   const p = new Publisher({ endpoint: "tcp://127.0.0.1:7701", producer: "billing-eu-1",
//                             outbox: "billing.outbox" });
//   p.publish({ type: "api.call", account: 123, app: 45, time: Date.now(),
//               method: "GET", status: 200 });
//   await p.close();
// A batch is on disk from before it is sent until it is acknowledged: a crash only resends it.
import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { Dealer } from "zeromq";

// A line of the outbox: half a SHA-256 in hex, a space, one row in JSON.
const check = (text) => createHash("sha256").update(text).digest("hex").slice(0, 32);
const line = (row) => `${check(JSON.stringify(row))} ${JSON.stringify(row)}\n`;

// When a process began, so that a lock of a dead process whose number is used again is no lock.
const stat = (pid) => `/proc/${pid}/stat`;
const bornAt = (pid) =>
  fs.existsSync(stat(pid)) && fs.readFileSync(stat(pid), "latin1").split(") ").pop().split(" ")[19];

// Rows in a file: {epoch, producer, first}, then {seq, events}, or {acked}.
export class Outbox {
  constructor(path, producer, compactAfter = 1000) {
    Object.assign(this, { path, producer, compactAfter, batches: new Map(), settled: 0 });
    this.#lock();
    const data = fs.existsSync(path) ? fs.readFileSync(path) : Buffer.alloc(0);
    const end = this.#load(data);
    if (this.epoch === undefined) this.renew(Date.now(), []);
    else this.fd = fs.openSync(path, "a");
    if (end > 0 && end < data.length) fs.ftruncateSync(this.fd, end); // cut short, so never sent
  }

  #lock() {
    const name = `${this.path}.lock`;
    const [pid, born] = fs.existsSync(name) ? fs.readFileSync(name, "latin1").split(" ") : [];
    if (born && bornAt(pid) === born) throw new Error(`${this.path} is in use by process ${pid}`);
    fs.rmSync(name, { force: true });
    fs.writeFileSync(name, `${process.pid} ${bornAt(process.pid)}`, { flag: "wx" });
  }

  // Where the last whole line ends.
  #load(data) {
    for (let at = 0; ;) {
      const end = data.indexOf("\n", at);
      const text = data.toString("utf8", at + 33, Math.max(end, 0));
      if (end < 0 || data.toString("latin1", at, at + 32) !== check(text)) return at;
      this.#apply(JSON.parse(text));
      at = end + 1;
    }
  }

  #apply({ epoch, producer, first, seq, events, acked }) {
    if (epoch !== undefined) {
      if (producer !== this.producer) {
        fs.unlinkSync(`${this.path}.lock`);
        throw new Error(`${this.path} belongs to producer ${producer}, not ${this.producer}`);
      }
      Object.assign(this, { epoch, first, next: first });
    } else if (seq !== undefined) {
      this.batches.set(seq, events);
      this.next = seq + 1;
    } else this.#drop(acked);
  }

  add(events) {
    fs.appendFileSync(this.fd, line({ seq: this.next, events }));
    fs.fdatasyncSync(this.fd);
    this.batches.set(this.next++, events);
  }

  #drop(through) {
    for (; this.first <= through; this.first++, this.settled++) this.batches.delete(this.first);
  }

  ack(through) {
    fs.appendFileSync(this.fd, line({ acked: through })); // unsynced: lost, it costs a duplicate
    this.#drop(through);
    if (this.settled > Math.max(this.compactAfter, this.batches.size)) this.#rewrite();
  }

  // A new epoch, its batches numbered from 1; in force with one rename.
  renew(epoch, batches) {
    Object.assign(this, { epoch, first: 1, next: 1 + batches.length });
    this.batches = new Map(batches.map((events, i) => [i + 1, events]));
    this.#rewrite();
  }

  #rewrite() {
    const { epoch, producer, first, path } = this;
    const rows = [...this.batches].map(([seq, events]) => ({ seq, events }));
    const fd = fs.openSync(`${path}.new`, "w");
    for (const row of [{ epoch, producer, first }, ...rows]) fs.appendFileSync(fd, line(row));
    fs.fsyncSync(fd);
    fs.renameSync(`${path}.new`, path);
    const directory = fs.openSync(dirname(path));
    fs.fsyncSync(directory);
    fs.closeSync(directory);
    if (this.fd !== undefined) fs.closeSync(this.fd);
    Object.assign(this, { fd, settled: 0 });
  }

  close() {
    fs.closeSync(this.fd);
    fs.unlinkSync(`${this.path}.lock`);
  }
}

// Emits "ack" (seq, answer) for each answer that settles a batch, and "lost" (why, epoch, first,
// last) for batches that can no longer be counted exactly once.
export class Publisher extends EventEmitter {
  constructor({ endpoint, producer, outbox, ...options }) { // window, batchEvents, probeMs
    super();
    Object.assign(this, { producer, window: 1024, batchEvents: 500, probeMs: 1000, ...options });
    this.counts = { accepted: 0, duplicate: 0, rejected: 0, refused: 0, lost: 0, sent: 0,
      rewinds: 0, busy: 0, gaps: 0, epochs: 0 };
    // probeId: the request number of the last question for the cursor.
    Object.assign(this, { outbox: new Outbox(outbox, producer), events: [], probeId: 0 });
    this.#begin(this.outbox.next);
    this.socket = new Dealer({ linger: 0, sendHighWaterMark: this.window + 64 });
    this.socket.connect(endpoint);
    this.timer = setInterval(() => this.#tick(), Math.max(5, this.probeMs / 4));
    this.listening = this.#listen();
    this.#pump();
  }

  #begin(unsureEnd) {
    this.send = this.outbox.first; // the next number to send
    this.sentEnd = this.unsureEnd = unsureEnd; // below unsureEnd: may have been counted
    this.rewoundTo = 0; // expected_seq of the last rewind
    this.careful = false; // after a refusal: one batch in flight until it is taken
    Object.assign(this, { pauseUntil: 0, pauseMs: 100, progress: performance.now() });
    this.probeSend = null; // `send` when the cursor was asked for; null: no question is out
    this.behind = false; // the engine asked for a batch that it has acknowledged
  }

  // Take one event, in the wire's map form; a full batch is sealed.
  publish(event) {
    if (this.events.push(event) >= this.batchEvents) this.seal();
  }

  // Number the open batch and store it; after that a crash cannot lose it.
  seal() {
    if (this.events.length > 0) this.outbox.add(this.events.splice(0));
    this.#pump();
  }

  // Seal and wait until every batch is settled; false: not within timeoutMs.
  async flush(timeoutMs = 10000) {
    this.seal();
    const end = performance.now() + timeoutMs;
    for (let left; this.outbox.batches.size > 0 && (left = end - performance.now()) > 0; )
      await once(this, "settled", { signal: AbortSignal.timeout(Math.ceil(left)) }).catch(() => {});
    return this.outbox.batches.size === 0;
  }

  // Flush and let go. What is not acknowledged stays in the outbox: then false.
  async close(timeoutMs = 10000) {
    const done = await this.flush(timeoutMs);
    clearInterval(this.timer);
    this.socket.close();
    await this.listening;
    this.outbox.close();
    return done;
  }

  #maySend() {
    const { send, outbox } = this;
    return send < outbox.next && send - outbox.first < (this.careful ? 1 : this.window) &&
           performance.now() >= this.pauseUntil;
  }

  #frame(more) {
    return JSON.stringify({ producer: this.producer, epoch: this.outbox.epoch, ...more });
  }

  #next() {
    const seq = this.send++;
    if (seq === this.outbox.first) this.progress = performance.now();
    this.sentEnd = Math.max(this.sentEnd, this.send);
    this.counts.sent++;
    return this.#frame({ seq, events: this.outbox.batches.get(seq) });
  }

  // zeromq.js sends one message at a time; what happens meanwhile is looked at before the next.
  async #pump() {
    if (this.pumping) return;
    this.pumping = true;
    while (!this.socket.closed && (this.question || this.#maySend())) {
      const frame = this.question ?? this.#next();
      if (this.question) Object.assign(this, { probeSend: this.send, asked: performance.now() });
      this.question = null;
      await this.socket.send(frame).catch(() => {}); // closed: it stays in the outbox
    }
    this.pumping = false;
  }

  #rewind(expected) {
    const progress = performance.now();
    Object.assign(this, { send: this.outbox.first, rewoundTo: expected, progress });
    this.counts.rewinds++;
  }

  // No progress: ask for the cursor. A question that is lost, too, is asked again.
  #tick() {
    const now = performance.now();
    const silent = this.send > this.outbox.first && now - this.progress > this.probeMs;
    if (this.probeSend !== null && now - this.asked > 10 * this.probeMs) this.probeSend = null;
    if (this.probeSend === null && !this.question && (this.behind || silent))
      this.question = this.#frame({ request: ++this.probeId, events: [] });
    this.#pump();
  }

  async #listen() {
    for await (const [frame] of this.socket) this.#pump(this.#answer(JSON.parse(frame)));
  }

  #answer(a) {
    const { outbox, counts } = this;
    const ours = a.epoch === outbox.epoch && a.seq >= outbox.first && a.seq < this.sentEnd;
    if (a.request !== undefined) {
      if (this.probeSend !== null && a.request === this.probeId) this.#cursor(a);
    } else if (!ours) return; // about something settled
    else if (a.ok) {
      counts.accepted += a.accepted;
      counts.duplicate += a.duplicate;
      counts.rejected += a.rejected_n;
      this.#settle(a);
    } else if (a.code === "stale_epoch") this.#stale(a.seq, a.current_epoch);
    else if (a.code === "gap") this.#gap(a);
    else if (a.retry || a.expected_seq <= a.seq) this.#wait(a);
    else { // refused for good: its number is used up
      counts.refused++;
      this.#settle(a);
    }
  }

  #settle(a) {
    this.outbox.ack(a.seq);
    this.send = Math.max(this.send, this.outbox.first);
    Object.assign(this, { careful: false, pauseMs: 100, progress: performance.now() });
    this.emit("ack", a.seq, a);
    this.emit("settled");
  }

  #gap(a) {
    this.counts.gaps++;
    if (a.expected_seq < this.outbox.first) this.behind = true; // maybe late: the cursor decides
    else if (a.expected_seq !== this.rewoundTo && a.expected_seq <= a.seq) {
      this.unsureEnd = Math.max(this.unsureEnd, a.expected_seq);
      this.#rewind(a.expected_seq);
    }
  }

  #wait(a) {
    if (this.rewoundTo >= this.outbox.first && a.seq > this.rewoundTo) return; // behind another
    this.counts.busy++;
    const ms = a.retry_after_ms || this.pauseMs;
    this.pauseMs = Math.min(30000, this.pauseMs * 2);
    Object.assign(this, { pauseUntil: performance.now() + ms, careful: true });
    this.#rewind(a.seq);
    setTimeout(() => this.#pump(), ms + 1).unref();
  }

  // Answers keep the order of questions: what was sent before and has no answer is lost.
  #cursor(a) {
    const { outbox, probeSend, behind } = this;
    Object.assign(this, { probeSend: null, behind: false });
    const expected = a.ok && a.epoch === outbox.epoch ? a.seq + 1 : 1;
    if (a.ok && a.epoch > outbox.epoch && outbox.batches.size > 0)
      this.#stale(this.sentEnd, a.epoch);
    else if (a.ok && behind && expected < outbox.first)
      this.#renew("lost by the engine", expected, outbox.first, outbox.epoch);
    else if (outbox.first < probeSend) {
      this.unsureEnd = this.sentEnd;
      this.#rewind(outbox.first);
    }
  }

  #stale(seq, current) { // batches before seq were sent and may have been counted
    const { outbox: { first }, unsureEnd } = this;
    this.#renew("stale epoch", first, Math.max(first, unsureEnd, seq), current);
  }

  // Batches lostFrom..lostEnd-1 are told as lost, the others move to a new epoch.
  #renew(why, lostFrom, lostEnd, above) {
    const old = this.outbox.epoch;
    const kept = [...this.outbox.batches].filter(([seq]) => seq >= lostEnd);
    this.outbox.renew(Math.max(Date.now(), above + 1), kept.map(([, events]) => events));
    this.#begin(1);
    this.counts.epochs++;
    this.counts.lost += lostEnd - lostFrom;
    this.emit("lost", why, old, lostFrom, lostEnd - 1);
    this.emit("settled");
  }
}
