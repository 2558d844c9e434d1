// The publisher against an engine that loses, refuses, forgets and dies: every event once.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Router } from "zeromq";
import { Outbox, Publisher } from "./daybook-publisher.mjs";

const MINUTE = 60000;

// A ROUTER that speaks the wire's batches and acknowledgements, with faults on demand.
class Engine {
  constructor() {
    Object.assign(this, { epoch: 0, seq: 0, messages: 0, duplicates: 0, gaps: 0 });
    Object.assign(this, { lose: new Set(), busy: new Map(), refuse: new Set(), seen: new Map() });
    Object.assign(this, { deaf: false, mute: false, endpoint: "tcp://127.0.0.1:*" });
    this.gate = Promise.resolve(); // messages wait behind it
  }

  async start() {
    this.socket = new Router({ linger: 0, sendHighWaterMark: 0 });
    for (;;) {
      try {
        await this.socket.bind(this.endpoint);
        break;
      } catch (error) { // the port of the one before may still be closing
        if (error.code !== "EADDRINUSE") throw error;
      }
    }
    this.endpoint = this.socket.lastEndpoint;
    this.running = this.#run(this.socket);
    return this;
  }

  async #run(socket) {
    for await (const [peer, frame] of socket) {
      await this.gate;
      this.messages++;
      const answer = this.deaf ? null : this.#judge(JSON.parse(frame));
      if (answer && !this.mute && !socket.closed) await socket.send([peer, JSON.stringify(answer)]);
      this.onMessage?.();
    }
  }

  #judge(m) {
    const { events, ...echo } = m;
    if (m.seq === undefined) return { ...echo, ok: true, epoch: this.epoch, seq: this.seq };
    if (this.lose.delete(m.seq)) return null;
    return { ...this.#verdict(m.epoch, m.seq, events), ...echo };
  }

  #verdict(epoch, seq, events) {
    const refusal = (code, retry, more) =>
      ({ ok: false, code, message: "as asked", retry, ...more });
    const ack = (accepted, duplicate) =>
      ({ ok: true, accepted, duplicate, rejected_n: 0, rejected: [] });
    if (epoch < this.epoch) return refusal("stale_epoch", false, { current_epoch: this.epoch });
    const last = epoch === this.epoch ? this.seq : 0;
    if (seq > last + 1) {
      this.gaps++;
      return refusal("gap", true, { expected_seq: last + 1 });
    }
    if (seq <= last) {
      this.duplicates++;
      return { ...ack(0, events.length), code: "duplicate" };
    }
    if (this.busy.get(seq) > 0) {
      this.busy.set(seq, this.busy.get(seq) - 1);
      return refusal("busy", true, { expected_seq: seq, retry_after_ms: 20 });
    }
    Object.assign(this, { epoch, seq });
    if (this.refuse.has(seq)) return refusal("invalid", false);
    for (const { n } of events) this.seen.set(n, (this.seen.get(n) ?? 0) + 1);
    return ack(events.length, 0);
  }

  halt() {
    this.gate = new Promise((resolve) => { this.go = resolve; });
  }

  async stop() {
    this.socket.close();
    await this.running;
  }

  // Until `done` holds, looked at after each message.
  until(done) {
    return new Promise((resolve) => {
      this.onMessage = () => done() && resolve();
      this.onMessage();
    });
  }

  assertOnce(from, end, but = []) {
    for (let n = from; n < end; n++)
      assert.equal(this.seen.get(n) ?? 0, but.includes(n) ? 0 : 1, `event ${n}`);
  }
}

const folder = () => fs.mkdtempSync(join(tmpdir(), "daybook-"));

// Each test has an engine and a folder of its own.
function withEngine(name, run) {
  test(name, { timeout: MINUTE }, async () => {
    const engine = await new Engine().start();
    const path = join(folder(), "outbox");
    const open = (options) => new Publisher({ endpoint: engine.endpoint, producer: "test",
      outbox: path, batchEvents: 1, probeMs: 50, ...options });
    try {
      await run(engine, open, path);
    } finally {
      await engine.stop();
      fs.rmSync(join(path, ".."), { recursive: true });
    }
  });
}

function publish(p, from, end) {
  for (let n = from; n < end; n++) p.publish({ n });
}

// zeromq.js hands messages over one by one: wait until so many are in flight.
async function fillWindow(p, n) {
  while (p.send - p.outbox.first < n) await new Promise(setImmediate);
}

withEngine("each event once", async (engine, open) => {
  const p = open({ batchEvents: 7 });
  publish(p, 0, 1000);
  assert.equal(await p.close(), true);
  engine.assertOnce(0, 1000);
  assert.equal(p.counts.accepted, 1000);
  assert.equal(p.counts.rewinds, 0);
});

withEngine("busy with a full window rewinds once", async (engine, open) => {
  engine.busy.set(101, 1);
  engine.halt();
  const p = open({ probeMs: MINUTE });
  publish(p, 0, 1500);
  await fillWindow(p, 1024);
  engine.go();
  assert.equal(await p.flush(MINUTE), true);
  engine.assertOnce(0, 1500);
  assert.deepEqual([p.counts.busy, p.counts.rewinds], [1, 1]);
  assert.equal(p.counts.gaps, engine.gaps);
  assert.ok(engine.gaps > 0);
  assert.equal(engine.duplicates, 0);
  await p.close();
});

withEngine("a gap rewinds once", async (engine, open) => {
  engine.lose.add(5);
  engine.halt();
  const p = open({ probeMs: MINUTE });
  publish(p, 0, 200);
  await fillWindow(p, 200);
  engine.go();
  assert.equal(await p.close(MINUTE), true);
  engine.assertOnce(0, 200);
  assert.deepEqual([p.counts.rewinds, p.counts.gaps], [1, 195]);
});

withEngine("a lost tail is found by asking", async (engine, open) => {
  engine.lose.add(10);
  const p = open();
  publish(p, 0, 10);
  assert.equal(await p.close(), true);
  engine.assertOnce(0, 10);
});

withEngine("silence is outlasted", async (engine, open) => {
  engine.deaf = true;
  const p = open();
  publish(p, 0, 20);
  await engine.until(() => engine.messages >= 21); // the question is lost, too
  engine.deaf = false;
  assert.equal(await p.close(MINUTE), true);
  engine.assertOnce(0, 20);
});

withEngine("an engine restarts and its answers are lost", async (engine, open) => {
  engine.mute = true;
  const p = open();
  publish(p, 0, 50);
  await engine.until(() => engine.seen.size === 50);
  await engine.stop();
  engine.mute = false;
  await engine.start();
  assert.equal(await p.flush(MINUTE), true);
  publish(p, 50, 100);
  assert.equal(await p.close(MINUTE), true);
  engine.assertOnce(0, 100);
  assert.equal(p.counts.duplicate, 50);
  assert.equal(p.counts.lost, 0);
});

withEngine("refused for good goes on", async (engine, open) => {
  engine.refuse.add(3);
  const p = open();
  const codes = [];
  p.on("ack", (seq, answer) => answer.ok || codes.push([seq, answer.code]));
  publish(p, 0, 6);
  assert.equal(await p.close(), true);
  engine.assertOnce(0, 6, [2]);
  assert.deepEqual(codes, [[3, "invalid"]]);
});

withEngine("stale from the start loses nothing", async (engine, open) => {
  Object.assign(engine, { epoch: 9e12, seq: 7 });
  const p = open();
  publish(p, 0, 300);
  assert.equal(await p.close(), true);
  engine.assertOnce(0, 300);
  assert.equal(p.outbox.epoch, 9e12 + 1);
  assert.equal(p.counts.lost, 0);
});

withEngine("an engine lost its data", async (engine, open) => {
  const p = open();
  const lost = [];
  p.on("lost", (...told) => lost.push(told));
  publish(p, 0, 20);
  assert.equal(await p.flush(), true);
  const { epoch } = p.outbox;
  Object.assign(engine, { epoch: 0, seq: 0 });
  publish(p, 20, 40);
  assert.equal(await p.close(), true);
  engine.assertOnce(0, 40);
  assert.deepEqual(lost, [["lost by the engine", epoch, 1, 20]]);
});

withEngine("an outbox is taken up", async (engine, open) => {
  engine.deaf = true;
  let p = open();
  publish(p, 0, 30);
  assert.equal(await p.close(0), false);
  engine.deaf = false;
  p = open();
  publish(p, 30, 40);
  assert.equal(await p.close(MINUTE), true);
  engine.assertOnce(0, 40);
  const { messages } = engine;
  p = open(); // all was acknowledged: nothing is sent again, numbers go on
  assert.equal(p.outbox.next, 41);
  assert.equal(p.outbox.batches.size, 0);
  assert.equal(await p.close(), true);
  assert.equal(engine.messages, messages);
});

withEngine("an outbox belongs to one", async (engine, open, path) => {
  const p = open();
  assert.throws(() => open(), /in use by process/);
  await p.close(0);
  assert.throws(() => open({ producer: "other" }), /belongs to producer test/);
  fs.writeFileSync(`${path}.lock`, `${process.pid} 1`); // the number of a process long dead
  await open().close(0);
});

test("an outbox is torn at every byte", () => {
  const path = join(folder(), "outbox");
  let box = new Outbox(path, "test");
  for (let n = 0; n < 3; n++) box.add([{ n, text: "ä" }]);
  box.close();
  const whole = fs.readFileSync(path);
  for (let cut = 0; cut <= whole.length; cut++) {
    fs.writeFileSync(path, whole.subarray(0, cut));
    box = new Outbox(path, "test");
    const kept = Math.max(0, whole.subarray(0, cut).filter((byte) => byte === 10).length - 1);
    assert.equal(box.batches.size, kept);
    box.add([{ n: 99 }]);
    box.close();
    box = new Outbox(path, "test");
    assert.deepEqual(box.batches.get(kept + 1), [{ n: 99 }]);
    if (kept > 0) assert.deepEqual(box.batches.get(1), [{ n: 0, text: "ä" }]);
    box.close();
  }
  fs.rmSync(join(path, ".."), { recursive: true });
});

test("an outbox's file is written anew", () => {
  const path = join(folder(), "outbox");
  const box = new Outbox(path, "test", 10);
  for (let n = 1; n <= 500; n++) {
    box.add([{ n }]);
    box.ack(n);
  }
  assert.ok(fs.statSync(path).size < 4000);
  box.close();
  const again = new Outbox(path, "test");
  assert.deepEqual([again.first, again.next], [501, 501]);
  again.close();
  fs.rmSync(join(path, ".."), { recursive: true });
});

withEngine("publishers are killed", async (engine, open, path) => {
  const stored = [];
  for (let run = 0; run < 5; run++) {
    const script = fileURLToPath(new URL("publish-until-killed.mjs", import.meta.url));
    const child = spawn(process.execPath, [script, engine.endpoint, path, String(run * 1000)],
      { stdio: ["ignore", "pipe", "inherit"] });
    let told = 0;
    child.stdout.on("data", (bytes) => {
      told += bytes.length;
      if (told >= 5 + run * 13) child.kill("SIGKILL");
    });
    const [, signal] = await once(child, "close");
    assert.equal(signal, "SIGKILL");
    for (let n = 0; n < told; n++) stored.push(run * 1000 + n);
  }
  const p = open();
  assert.equal(await p.close(MINUTE), true);
  for (const n of stored) assert.equal(engine.seen.get(n), 1, `event ${n}`);
  for (const [n, times] of engine.seen) assert.equal(times, 1, `event ${n}`);
  assert.ok(engine.seen.size <= stored.length + 5);
  assert.equal(p.counts.lost, 0);
});
