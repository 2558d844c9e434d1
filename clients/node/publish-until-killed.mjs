// The process that a test kills: publishes first, first + 1, ... and tells each one that is in the
// outbox with a dot.
//
//   node publish-until-killed.mjs ENDPOINT OUTBOX FIRST
import { writeSync } from "node:fs";
import { Publisher } from "./daybook-publisher.mjs";

const [endpoint, outbox, first] = process.argv.slice(2);
const p = new Publisher({ endpoint, producer: "test", outbox, batchEvents: 1, probeMs: 50 });
for (let n = Number(first); n < Number(first) + 1000; n++) {
  p.publish({ n });
  writeSync(1, ".");
  await new Promise(setImmediate);
}
await new Promise(() => {}); // the publisher's timer keeps the process alive
