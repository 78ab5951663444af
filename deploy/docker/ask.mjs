// Asks a service, each time over a new connection, and counts which pod answered: `node ask.mjs http://172.20.1.10/ 30`. Exits
// with 1 when a request failed.
import { Agent, get } from 'node:http';

const [url, times = '30'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: false });
const counts = new Map();

const ask = () =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent, timeout: 3_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.once('end', () => resolve(JSON.parse(text)));
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error('no answer within 3 s')));
    request.once('error', reject);
  });

for (let i = 0; i < Number(times); i += 1) {
  const answer = await ask().then(
    ({ cluster, node, pod }) => `${cluster} ${node} ${pod}`,
    (error) => {
      process.exitCode = 1;
      return `failed: ${error.message}`;
    },
  );
  counts.set(answer, (counts.get(answer) ?? 0) + 1);
}
for (const [answer, count] of [...counts].sort()) console.log(`${String(count).padStart(5)}  ${answer}`);
