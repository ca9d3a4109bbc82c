// Appends by Emmett, in turns: `node append.mjs CONNECTION` makes its tables, says `ready`, and answers each line `SIZE` on its input with `made`, and the
// `go` that follows with the seconds that the append of so many events to a new stream took. Only the append counts, neither making the events nor the pipe.
import { randomBytes, randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';

const store = getPostgreSQLEventStore(process.argv[2], { schema: { autoMigration: 'None' } });
await store.schema.migrate();

const events = (size) =>
  Array.from({ length: size }, (_, i) => ({
    type: 'ClusterEvent.Reported.v1',
    data: { text: randomBytes(300).toString('hex').slice(0, 565 + (i % 26)) },
  }));

process.stdout.write('ready\n');
let made = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'go') {
    const start = process.hrtime.bigint();
    await store.appendToStream(`bench-${randomUUID()}`, made);
    process.stdout.write(`${Number(process.hrtime.bigint() - start) / 1e9}\n`);
  } else {
    made = events(Number(line));
    process.stdout.write('made\n');
  }
}
await store.close();
